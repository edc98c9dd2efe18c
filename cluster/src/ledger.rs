//! The port through which the executor knows its shard.

use bytes::Bytes;
use entity::Time;
use entity::transaction::{Range, Read, Want};

use crate::record::{Fence, Record};

/// The durable history and state of one shard, as one node sees it.
///
/// Three kinds ship: replicated by Raft, on `FoundationDB`, in memory. None blocks: what takes time
/// is started here and ends as a [`Completion`]. [`crate::conformance`] tells what each must do.
pub trait Ledger {
    /// Asks to take the shard over. Ends as [`Completion::Claimed`] or [`Completion::NotClaimed`].
    fn claim(&mut self);

    /// Hands a record over. Ends as [`Completion::Committed`], [`Completion::Lost`] or
    /// [`Completion::Unknown`], in any order among several.
    fn commit(&mut self, record: Record);

    /// Asks for proof that no other activation has begun when the call was made. Ends as
    /// [`Completion::Barrier`].
    fn barrier(&mut self, ticket: u64);

    /// Reads a committed row, if it is in memory.
    fn get(&self, key: &[u8]) -> Read<Option<Bytes>>;

    /// Reads committed rows, if they are in memory.
    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>>;

    /// Brings committed rows into memory. Ends as [`Completion::Fetched`] or [`Completion::Unreadable`].
    fn fetch(&mut self, ticket: u64, want: Want);

    /// What ended since the last call.
    fn poll(&mut self) -> Option<Completion>;

    /// Every committed row at one moment, in the order of keys.
    fn snapshot(&self) -> Snapshot<'_>;
}

/// The rows of a shard at one moment.
pub type Snapshot<'a> = Box<dyn Iterator<Item = (Bytes, Bytes)> + 'a>;

/// The end of what a [`Ledger`] was asked for.
///
/// What ends may belong to an activation that is over already: fences and tickets tell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Completion {
    /// The shard is taken over: every record of earlier activations has been applied here, and none
    /// can follow.
    Claimed {
        /// Number of the new activation, above all before it.
        activation: u64,
        /// Time of the last record.
        time: Time,
    },
    /// Somebody else has it.
    NotClaimed,
    /// The record of this fence, and so all of its activation before it, is durable and applied here.
    Committed {
        /// Which record.
        fence: Fence,
    },
    /// The fence refused the record: another activation has begun. It has no effect.
    Lost {
        /// Which record.
        fence: Fence,
    },
    /// It may or may not become durable.
    Unknown {
        /// Which record.
        fence: Fence,
    },
    /// A barrier ended.
    Barrier {
        /// Which one.
        ticket: u64,
        /// Whether this activation was still the current one.
        holds: bool,
    },
    /// Rows are here.
    Fetched {
        /// Which request.
        ticket: u64,
        /// What was there.
        rows: Fetched,
    },
    /// What was to be fetched cannot be read. The activation is over: another copy may have it.
    Unreadable,
}

/// What [`Ledger::fetch`] found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fetched {
    /// For [`Want::Row`].
    Row(Option<Bytes>),
    /// For [`Want::Rows`].
    Rows(Vec<(Bytes, Bytes)>),
}
