//! The port to the other nodes.

use bytes::Bytes;
use entity::data;

/// A node, for as long as its disk lives: one that lost it comes back as another.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct NodeId(pub u32);

/// Messages of one lane arrive in the order of sending, as far as they arrive.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Lane(pub u32);

/// The way to the other nodes. Production: QUIC. Simulation: delay, loss, cuts.
pub trait Transport: Send + Sync {
    /// Sends a message of at most [`MESSAGE_BYTES_MAX`] bytes. It may be late, or never arrive, and
    /// nobody says so.
    fn send(&self, to: NodeId, lane: Lane, message: Bytes);
}

/// Longest message, in bytes: an entry of the log and what is around it.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;
