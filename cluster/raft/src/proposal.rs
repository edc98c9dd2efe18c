//! What openraft leaves open, filled in.

use std::fmt;

use bytes::Bytes;
pub use cluster::meta::Member;
use openraft::impls::{BoxedErrorSource, EmptyNode, InlineBatch, leader_id_adv};
use openraft::raft::responder::Responder;
use openraft::type_config::alias;
use openraft::{EntryPayload, RaftTypeConfig};

use crate::machine::Machine;
use crate::scheduler::Scheduler;

/// openraft's name for all of it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Types;

/// What is proposed to a group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Proposal {
    /// Begins a new activation.
    Claim,
    /// A sealed record of an activation.
    Record(Bytes),
}

/// What applying an entry came to, the same on every replica.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The entry was openraft's own.
    Nothing,
    /// An activation has begun.
    Claimed,
    /// The record has taken effect.
    Accepted,
    /// The fence refused the record: it has no effect.
    Refused,
}

/// Calls back with the outcome of a proposal.
pub struct Teller<T>(pub(crate) Box<dyn FnOnce(T) + Send>);

impl RaftTypeConfig for Types {
    type D = Proposal;
    type R = Verdict;
    type NodeId = u64;
    type Node = EmptyNode;
    type Term = u64;
    type LeaderId = leader_id_adv::LeaderId<u64, u64>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = EntryPayload<Proposal, u64, EmptyNode>;
    type Entry = openraft::Entry<Self::LeaderId, Self::Payload>;
    type AsyncRuntime = Scheduler;
    type Responder<T>
        = Teller<T>
    where
        T: Send + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: Send + 'static;
    type ErrorSource = BoxedErrorSource;
}

impl<T: Send + 'static> Responder<Types, T> for Teller<T> {
    fn on_complete(self, outcome: T) {
        (self.0)(outcome);
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim => f.write_str("claim"),
            Self::Record(bytes) => write!(f, "record of {} bytes", bytes.len()),
        }
    }
}

/// A handle on one group's replication.
pub(crate) type Raft = openraft::Raft<Types, Machine>;
pub(crate) type LeaderId = leader_id_adv::LeaderId<u64, u64>;
pub(crate) type Vote = alias::VoteOf<Types>;
pub(crate) type LogId = alias::LogIdOf<Types>;
pub(crate) type Entry = alias::EntryOf<Types>;
pub(crate) type Members = openraft::Membership<u64, EmptyNode>;
pub(crate) type Membership = alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<Types>;
pub(crate) type Snapshot = alias::SnapshotOf<Types, crate::snapshot::Rows>;
