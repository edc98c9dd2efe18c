//! What a node says of the shards that it holds.

use cluster::executor::Status as Executing;
use cluster::slots::{META, ShardId};
use raft::group::Status as Replicating;
use runtime::router::{Hosted, Router};
use runtime::shard::Item;
use tokio::sync::oneshot;

/// A copy of a shard on this node, as operators see it.
#[derive(Clone, Debug, serde::Serialize, schemars::JsonSchema)]
pub(crate) struct ShardStatus {
    /// Which shard. 4294967295 is the meta group: who is in the cluster, and who holds what.
    pub shard: u32,
    /// Whether requests are served: here, or by the leader that this node knows.
    pub is_serving: bool,
    /// The node that leads it, as far as this node knows.
    pub leader: Option<u32>,
    /// Nodes with a copy that counts, this one among them.
    pub copies: Vec<u32>,
    /// Raft's term.
    pub term: u64,
    /// Entries of the log that are applied here.
    pub applied: u64,
    /// Entries of the log that are here and not applied yet.
    pub lag: u64,
    /// What only the leader knows.
    pub led: Option<Led>,
}

/// A shard that this node leads.
#[derive(Clone, Debug, serde::Serialize, schemars::JsonSchema)]
pub(crate) struct Led {
    /// The life of the shard that is under way.
    pub activation: u64,
    /// Records committed in this life.
    pub records: u64,
    /// Requests and messages that wait.
    pub queued: u64,
    /// Entities in memory.
    pub entities_in_memory: u64,
    /// Bytes of envelopes to other shards that are not acknowledged.
    pub outbox_bytes: u64,
    /// Wake-ups that are not due yet.
    pub wake_ups: u64,
    /// Entities that panicked too often and wait for an operator.
    pub quarantined: u64,
    /// Messages that were not handled and wait for an operator.
    pub dead_letters: u64,
    /// Most entries of the log that another copy lacks.
    pub lag_max: u64,
}

/// Whether every shard that this node holds is served, here or elsewhere.
pub async fn is_ready(router: &Router) -> bool {
    let is_whole = missing(router).is_some_and(|it| it.is_empty());
    is_whole && held(router).await.iter().all(|it| it.is_serving)
}

/// The shards that this node holds, by number.
pub(crate) async fn held(router: &Router) -> Vec<ShardStatus> {
    let mut all = Vec::new();
    for (shard, hosted) in router.all_hosted() {
        all.push(status(router, shard, hosted).await);
    }
    all
}

/// The shards of the cluster that this node should hold and does not, as far as it knows. None: it does
/// not know any cluster yet.
pub(crate) fn missing(router: &Router) -> Option<Vec<u32>> {
    let known = router.roster();
    let hosted = router.all_hosted();
    let mine = known.hosted(router.peers().me()).into_keys().filter(|it| *it != META);
    let missing = mine.filter(|it| !hosted.contains_key(it)).map(|it| it.0).collect();
    (known.cluster.incarnation > 0).then_some(missing)
}

async fn status(router: &Router, shard: ShardId, hosted: Hosted) -> ShardStatus {
    let copy = hosted.group.map(|it| it.status());
    let (status, told) = oneshot::channel();
    let executing = match &hosted.inbox {
        Some(inbox) if inbox.send(Item::Status(status)).is_ok() => told.await.ok(),
        Some(_) | None => None,
    };
    let leader = copy.as_ref().and_then(|it| it.leader).map(|it| it.node);
    let is_elsewhere = leader.is_some_and(|it| it != router.peers().me().0);
    let led = executing.as_ref().zip(copy.as_ref()).map(|(it, copy)| Led::of(it, copy));
    ShardStatus {
        shard: shard.0,
        is_serving: is_elsewhere || executing.is_some_and(|it| it.serving),
        leader,
        copies: copy.iter().flat_map(|it| it.voters.iter().map(|it| it.node)).collect(),
        term: copy.as_ref().map_or(0, |it| it.term),
        applied: copy.as_ref().map_or(0, |it| it.applied),
        lag: copy.as_ref().map_or(0, |it| it.last.saturating_sub(it.applied)),
        led,
    }
}

impl Led {
    fn of(executing: &Executing, copy: &Replicating) -> Self {
        let lags = copy.matched.iter().map(|(_, matched)| copy.last.saturating_sub(*matched));
        Self {
            activation: executing.activation,
            records: executing.committed,
            queued: executing.queued as u64,
            entities_in_memory: executing.live as u64,
            outbox_bytes: executing.outbox_bytes as u64,
            wake_ups: executing.wake_ups as u64,
            quarantined: executing.quarantined as u64,
            dead_letters: executing.dead_letters,
            lag_max: lags.max().unwrap_or(0),
        }
    }
}
