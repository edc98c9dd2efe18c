//! The port to the other nodes.

use bytes::Bytes;
use entity::data;

/// A node, for as long as its disk lives: one that lost it comes back as another.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct NodeId(pub u32);

/// Messages of one lane arrive in the order of sending, as far as they arrive.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Lane {
    /// What must not wait for what.
    pub class: Class,
    /// Which lane of the class.
    pub number: u32,
}

/// Messages of a class do not wait for those of the classes behind it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Class {
    /// Signs of life.
    Control,
    /// Replication and requests.
    Usual,
    /// Snapshots.
    Bulk,
}

impl Class {
    /// Every class, by its number.
    pub const ALL: [Self; 3] = [Self::Control, Self::Usual, Self::Bulk];
}

impl Lane {
    /// A lane of signs of life.
    pub const CONTROL: Self = Self { class: Class::Control, number: 0 };

    /// A lane of replication or requests.
    pub const fn usual(number: u32) -> Self {
        Self { class: Class::Usual, number }
    }

    /// A lane of snapshots.
    pub const fn bulk(number: u32) -> Self {
        Self { class: Class::Bulk, number }
    }
}

/// The way to the other nodes. Production: QUIC. Simulation: delay, loss, cuts.
pub trait Transport: Send + Sync {
    /// Sends a message of at most [`MESSAGE_BYTES_MAX`] bytes. It may be late, or never arrive, and
    /// nobody says so. It does not arrive twice: who was told that nothing has happened asks again.
    fn send(&self, to: NodeId, lane: Lane, message: Bytes);
}

/// Longest message, in bytes: an entry of the log and what is around it.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;
