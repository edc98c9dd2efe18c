//! What the meta group promises to the nodes.

use std::fmt;
use std::str::FromStr;

use entity::route::{Method, Of, Route};
use entity::{Command, Key, Kind, Never, Query, data};

pub use super::refusals::{
    AssignError, FinalizeError, FoundError, JoinError, LifeError, MetaError, RetireError,
};
use crate::transport::NodeId;

/// The family of the one entity that says who is in the cluster.
#[derive(Debug)]
pub enum Metas {}

impl Kind for Metas {
    const NAME: &'static str = "cluster.meta";
    const TAG: u16 = 65_535;
    type Key = MetaKey;
    type Commands = (Found, Join, BeginLife, Assign, TakeIncarnations, Retire, Finalize);
    type Queries = (Describe,);
}

/// Names the one entity.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct MetaKey;

impl Key for MetaKey {
    fn encode(&self, to: &mut Vec<u8>) {
        ().encode(to);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        <()>::decode(from).map(|()| Self)
    }
}

impl fmt::Display for MetaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("meta")
    }
}

impl FromStr for MetaKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "meta" { Ok(Self) } else { Err("there is one: meta") }
    }
}

/// Most nodes of a cluster, past ones included until they are removed.
pub const NODES_MAX: usize = 100;

/// Most nodes that found a cluster.
pub const FOUNDERS_MAX: usize = 5;

/// Most shards of a cluster. There are sixteen slots for each.
pub const SHARDS_MAX: u32 = 1_024;

/// Most copies of a shard.
pub const COPIES_MAX: usize = 5;

/// Longest name of a node, in bytes: as a label in DNS.
pub const NAME_BYTES_MAX: usize = 63;

/// Longest address of a node, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 255;

/// Largest weight of a node; 100 is usual.
pub const WEIGHT_MAX: u32 = 1_000;

/// Most incarnations taken at once.
pub const INCARNATIONS_MAX: u64 = 1_000;

/// One life of a node's copy of a group. A copy that has lost anything begins a new one, and joins as
/// somebody else: what the old one has promised does not bind it, nor does it count.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct Member {
    /// The node.
    pub node: u32,
    /// Which life of its copy.
    pub life: u32,
}

/// A node.
#[data]
pub struct NodeRecord {
    /// For people. 1 to [`NAME_BYTES_MAX`] bytes: letters, digits, dots, hyphens, underscores.
    pub name: String,
    /// Which disk it is: drawn by chance when the disk was empty.
    pub disk: u128,
    /// Copies of a shard are spread over zones. At most [`NAME_BYTES_MAX`] bytes; may be empty.
    pub zone: String,
    /// Its share of the shards, up to [`WEIGHT_MAX`]. 0 holds nothing.
    pub weight: u32,
    /// Where it is found. At most [`ADDRESS_BYTES_MAX`] bytes.
    pub address: String,
    /// The newest release whose layouts its program can read.
    pub release: u16,
}

/// Who holds a shard.
#[data]
pub struct Assignment {
    /// Counts its changes from 1.
    pub version: u64,
    /// The copies, at most [`COPIES_MAX`]. The first is to lead.
    pub members: Vec<Member>,
}

/// What there is one of.
#[data]
#[derive(Default)]
pub struct Cluster {
    /// For people; empty before it is founded. At most [`NAME_BYTES_MAX`] bytes.
    pub name: String,
    /// The cluster incarnation.
    pub incarnation: u64,
    /// How many shards there are.
    pub shards: u32,
    /// How many copies of each there should be.
    pub copies: u8,
    /// The version of the cluster: the release whose layouts are written, which every node can read.
    /// Raised by [`Finalize`], never lowered.
    pub release: u16,
}

/// Founds the cluster: gives the nodes their numbers, from 1, and every shard its copies, at the newest
/// release that all of them can read. A repeat changes nothing.
#[data]
pub struct Found {
    /// 1 to [`NAME_BYTES_MAX`] bytes.
    pub name: String,
    /// 1 to [`SHARDS_MAX`].
    pub shards: u32,
    /// 1, 3 or 5.
    pub copies: u8,
    /// 1 to [`FOUNDERS_MAX`] nodes.
    pub nodes: Vec<NodeRecord>,
}

impl Command for Found {
    type Kind = Metas;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = FoundError;
}

/// Adds a node. One that is there, by name and disk, keeps its number; a known name on another disk is
/// another node, and the old one holds nothing any more.
#[data]
pub struct Join {
    /// The node.
    pub node: NodeRecord,
}

impl Command for Join {
    type Kind = Metas;
    const TAG: u16 = 2;
    type Reply = NodeId;
    type Error = JoinError;
    const FREES_SPACE: bool = true;
}

/// Replaces a copy that has lost something by a new life of it. No life is given out twice: who the
/// copy was may be among what it has lost.
#[data]
pub struct BeginLife {
    /// Of which group: the number of its shard.
    pub group: u32,
    /// Whose copy.
    pub node: NodeId,
}

impl Command for BeginLife {
    type Kind = Metas;
    const TAG: u16 = 3;
    type Reply = Member;
    type Error = LifeError;
    const FREES_SPACE: bool = true;
}

/// Changes who holds a shard. A node that holds it already keeps its life, and so does one that still votes
/// for it, on the way of an earlier change: it must not come back as somebody else.
#[data]
pub struct Assign {
    /// The shard.
    pub shard: u32,
    /// The version that this one follows.
    pub after: u64,
    /// 1 to [`COPIES_MAX`] nodes. The first is to lead.
    pub nodes: Vec<NodeId>,
    /// Who votes for the shard, as its group says, while an earlier change is under way.
    pub voters: Vec<Member>,
}

impl Command for Assign {
    type Kind = Metas;
    const TAG: u16 = 4;
    type Reply = ();
    type Error = AssignError;
    const FREES_SPACE: bool = true;
}

/// Takes incarnations for senders: numbers that nobody else gets, ever.
#[data]
pub struct TakeIncarnations {
    /// 1 to [`INCARNATIONS_MAX`].
    pub count: u64,
}

impl Command for TakeIncarnations {
    type Kind = Metas;
    const TAG: u16 = 5;
    type Reply = u64;
    type Error = MetaError;
    const FREES_SPACE: bool = true;
}

/// Forgets a node whose place another one of its name has taken, once it holds nothing. Its number is
/// never used again. A repeat has no effect.
#[data]
pub struct Retire {
    /// The node.
    pub node: NodeId,
}

impl Command for Retire {
    type Kind = Metas;
    const TAG: u16 = 6;
    type Reply = ();
    type Error = RetireError;
    const FREES_SPACE: bool = true;
}

/// Raises the version of the cluster, at the end of an upgrade: from now on what is written may be of
/// this release, and no program of an earlier one can read it. A repeat has no effect.
#[data]
pub struct Finalize {
    /// The release.
    pub release: u16,
}

impl Command for Finalize {
    type Kind = Metas;
    const TAG: u16 = 7;
    type Reply = ();
    type Error = FinalizeError;
}

/// Where operators find this.
pub fn routes() -> Vec<Route> {
    let (path, meta) = ("/v1/operator/release", Of::Only("meta"));
    vec![Route::command::<Finalize>(Method::Put, path, meta).operator()]
}

/// Asks what there is.
#[data]
pub struct Describe {}

impl Query for Describe {
    type Kind = Metas;
    const TAG: u16 = 1;
    type Reply = Description;
    type Error = Never;
}

/// The cluster, for people.
#[data]
pub struct Description {
    /// What there is one of.
    pub cluster: Cluster,
    /// At most [`NODES_MAX`], by number.
    pub nodes: Vec<(u32, NodeRecord)>,
    /// At most [`SHARDS_MAX`] and the meta group, by number.
    pub assignments: Vec<(u32, Assignment)>,
}

impl Member {
    /// As one number.
    pub fn id(self) -> u64 {
        u64::from(self.node) << 32 | u64::from(self.life)
    }

    /// Who has this number.
    pub fn of(id: u64) -> Self {
        let low = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).expect("masked");
        Self { node: low(id >> 32), life: low(id) }
    }
}
