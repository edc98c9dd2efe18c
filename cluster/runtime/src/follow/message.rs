//! What followers and leaders of shards say to each other.

use cluster::stream::StreamId;
use entity::{Offset, data};

/// A node asks for what changes in a shard, and whether it has got everything so far.
#[data]
pub struct Watch {
    /// Which session. A node begins a new one when anything may be missing.
    pub session: u64,
    /// Counts the questions of the session from 1, with which it begins. One that comes late counts no
    /// more.
    pub number: u64,
    /// Streams whose items it wants from now on.
    pub follow: Vec<StreamId>,
    /// Streams that it wants no more.
    pub unfollow: Vec<StreamId>,
}

/// What the leader answers: it has led the shard at some moment since it was asked.
#[data]
pub struct Watched {
    /// Number of the last frame of this session: everything that had committed is in it, or in one
    /// before it.
    pub sent: u64,
    /// Position of the last item of each stream that was asked for, in order.
    pub lasts: Vec<Offset>,
}

/// What has changed.
#[data]
pub struct Frame {
    /// Which session.
    pub session: u64,
    /// Counts the frames of the session from 1.
    pub number: u64,
    /// Marks of entities that have changed.
    pub changed: Vec<u32>,
    /// New items, in the order of each stream.
    pub published: Vec<Item>,
}

/// An item of a stream.
#[data]
pub struct Item {
    /// Of which stream.
    pub of: StreamId,
    /// Its position.
    pub offset: Offset,
    /// The encoded item.
    pub item: Vec<u8>,
}
