//! What a shard tells the nodes that follow its streams or keep what they read from it.
//!
//! A push is a hint, a read is the truth: pushes come from the leader's memory and may be lost, so that
//! whoever follows a stream compares positions and reads what is missing.

use bytes::Bytes;
use entity::kind::Offset;
use entity::{Address, Key, Never, Query, data};

use crate::operator::Shards;

/// Names a stream.
#[data]
#[derive(Ord, PartialOrd)]
pub struct StreamId {
    /// Whose stream.
    pub entity: Address,
    /// Which of its streams.
    pub stream: u8,
}

/// An item of a stream that has committed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Publication {
    /// Of which stream.
    pub of: StreamId,
    /// Position in the stream.
    pub offset: Offset,
    /// The encoded item.
    pub item: Bytes,
}

/// Names an entity in a feed of changes. Two entities may have the same mark: whoever keeps one of them
/// then forgets it once too often.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mark(pub u32);

impl Mark {
    /// The mark of an entity. It never changes.
    pub fn of(address: &Address) -> Self {
        let mark = crc32c::crc32c(&address.kind.to_bytes());
        Self(crc32c::crc32c_append(mark, &address.key))
    }
}

/// Most streams whose positions are asked for at once.
pub const POSITIONS_MAX: usize = 200;

/// Most bytes of items in a page, unless a single one has more.
pub const PAGE_BYTES_MAX: usize = 500_000;

/// Most items in a page.
pub const PAGE_ITEMS_MAX: usize = 1_000;

/// Asks how long streams are. The answer, like every answer, waits until all that it saw is durable, and
/// everything before it has been published by then.
#[data]
pub struct Positions {
    /// At most [`POSITIONS_MAX`]; may be none.
    pub streams: Vec<StreamId>,
}

impl Query for Positions {
    type Kind = Shards;
    const TAG: u16 = 3;
    type Reply = Lengths;
    type Error = Never;
}

/// How long streams are.
#[data]
pub struct Lengths {
    /// Position of the last item that was ever appended, of each stream asked for, in order.
    pub lasts: Vec<Offset>,
}

/// Reads a stream, oldest first.
#[data]
pub struct ReadStream {
    /// Which one.
    pub of: StreamId,
    /// The first item wanted.
    pub from: Offset,
    /// Most items, up to [`PAGE_ITEMS_MAX`].
    pub limit: u16,
}

impl Query for ReadStream {
    type Kind = Shards;
    const TAG: u16 = 4;
    type Reply = StreamPage;
    type Error = Never;
}

/// Items of a stream.
#[data]
#[derive(Default)]
pub struct StreamPage {
    /// Position of the last item that was ever appended.
    pub last: Offset,
    /// In order, without gaps among them. The first is later than asked for if the stream no longer has
    /// that one.
    pub items: Vec<(Offset, Vec<u8>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_never_change() {
        let address = |kind, key: &[u8]| Address { kind, key: key.to_vec() };
        assert_eq!(Mark::of(&address(1, b"ann")), Mark(2_729_357_047));
        assert_ne!(Mark::of(&address(2, b"ann")), Mark::of(&address(1, b"ann")));
    }
}
