//! Why the meta group refuses: every refusal with its status, its stable code and its sentence.

use entity::{data, refusals};

use super::api::{COPIES_MAX, FOUNDERS_MAX, INCARNATIONS_MAX, NODES_MAX, SHARDS_MAX};

/// Why a cluster is not founded.
#[data]
pub enum FoundError {
    /// Only nodes may.
    Forbidden,
    /// There is one, and it is another.
    Founded,
    /// Shards, copies or the number of nodes are out of range.
    Size,
    /// A node is not described as it should be.
    Node,
}

refusals! { FoundError {
    Forbidden => 403 "forbidden" "Only nodes of the cluster may do this.",
    Founded => 409 "cluster_founded" "There is a cluster already, founded otherwise. Join it, or use empty folders.",
    Size => 422 "cluster_size" "Use 1 to {SHARDS_MAX} shards, 1, 3 or 5 copies, and 1 to {FOUNDERS_MAX} nodes.",
    Node => 422 "node_malformed" "A node needs a short name of its own, and a weight from 0 to 1000.",
} }

/// Why a node does not join.
#[data]
pub enum JoinError {
    /// Only nodes may.
    Forbidden,
    /// There is no cluster yet.
    NotFounded,
    /// The node is not described as it should be.
    Node,
    /// There are too many.
    Full,
    /// Its program cannot read what the cluster writes.
    TooOld,
}

refusals! { JoinError {
    Forbidden => 403 "forbidden" "Only nodes of the cluster may do this.",
    NotFounded => 409 "cluster_not_founded" "There is no cluster yet; found it first.",
    Node => 422 "node_malformed" "A node needs a short name of its own, and a weight from 0 to 1000.",
    Full => 409 "cluster_full" "The cluster has {NODES_MAX} nodes; remove one first.",
    TooOld => 409 "release_too_old" "The cluster writes layouts that the node's program cannot read. Start a newer one.",
} }

/// Why no new life begins.
#[data]
pub enum LifeError {
    /// Only nodes may.
    Forbidden,
    /// The copy is none of the shard's, nor was.
    Unknown,
}

refusals! { LifeError {
    Forbidden => 403 "forbidden" "Only nodes of the cluster may do this.",
    Unknown => 404 "copy_unknown" "The shard has no such copy.",
} }

/// Why a shard stays where it is.
#[data]
pub enum AssignError {
    /// Only nodes may.
    Forbidden,
    /// There is no such shard.
    Unknown,
    /// Somebody else has changed it.
    Changed,
    /// None, too many, twice the same, or one that there is not.
    Nodes,
}

refusals! { AssignError {
    Forbidden => 403 "forbidden" "Only nodes of the cluster may do this.",
    Unknown => 404 "shard_unknown" "There is no such shard.",
    Changed => 409 "assignment_changed" "The assignment has changed meanwhile. Look again.",
    Nodes => 422 "assignment_nodes" "Name 1 to {COPIES_MAX} different nodes of the cluster.",
} }

/// Why a node stays known.
#[data]
pub enum RetireError {
    /// Only nodes may.
    Forbidden,
    /// It holds something, or nobody has taken its place.
    Needed,
}

refusals! { RetireError {
    Forbidden => 403 "forbidden" "Only nodes of the cluster may do this.",
    Needed => 409 "node_needed" "The node holds copies, or no other one has taken its place.",
} }

/// Why the version of the cluster stays as it is.
#[data]
pub enum FinalizeError {
    /// Only nodes and operators may.
    Forbidden,
    /// There is no cluster yet.
    NotFounded,
    /// It is lower than the one that the cluster has.
    Lower,
    /// A node cannot read it yet.
    Behind,
}

refusals! { FinalizeError {
    Forbidden => 403 "forbidden" "Only nodes of the cluster and operators may do this.",
    NotFounded => 409 "cluster_not_founded" "There is no cluster yet; found it first.",
    Lower => 409 "release_lower" "The version of a cluster is never lowered: what has been written could not be read.",
    Behind => 409 "nodes_behind" "The programs of some nodes cannot read this release. Upgrade them first; `roost status` tells which.",
} }

/// Why nothing is given out.
#[data]
pub enum MetaError {
    /// Only nodes may.
    Forbidden,
    /// None, or too many at once.
    Count,
}

refusals! { MetaError {
    Forbidden => 403 "forbidden" "Only nodes of the cluster may do this.",
    Count => 422 "incarnation_count" "Take 1 to {INCARNATIONS_MAX} at once.",
} }
