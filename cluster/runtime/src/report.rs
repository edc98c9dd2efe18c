//! How a node is doing, for operators.

use cluster::executor::Status as Executing;
use cluster::meta::Member;
use cluster::slots::ShardId;
use cluster::transport::NodeId;
use entity::data;
use raft::group::Status as Replicating;
use tokio::sync::oneshot;

use crate::router::{Hosted, Router};
use crate::shard::Item;
use crate::traffic::Traffic;

/// How a node is doing.
#[data]
pub struct NodeReport {
    /// Of its program.
    pub version: String,
    /// For how long it has been running, in milliseconds.
    pub up_ms: u64,
    /// What clients have had of it.
    pub traffic: Traffic,
    /// Bytes of its log.
    pub log_bytes: u64,
    /// Whether its disk is nearly full: it takes only what makes room.
    pub is_storage_full: bool,
    /// Bytes that all it stores has on the disk, a few seconds ago.
    pub used_bytes: u64,
    /// Bytes that are free on its disk.
    pub free_bytes: u64,
    /// How far its clock is ahead of the middle one of all clocks, in microseconds; negative when it is
    /// behind. None when it knows of fewer than three clocks.
    pub clock_ahead_micros: Option<i64>,
    /// Whether its clock is surely more than half a second off most others: it leads nothing, if anybody
    /// else can.
    pub is_clock_wrong: bool,
    /// The copies that it holds, by the number of their shard.
    pub copies: Vec<CopyReport>,
}

/// How a copy of a shard is doing.
#[data]
pub struct CopyReport {
    /// Of which shard. 4294967295 is the meta group: who is in the cluster, and who holds what.
    pub shard: u32,
    /// The node that leads it, as far as this one knows.
    pub leader: Option<u32>,
    /// Raft's term.
    pub term: u64,
    /// Whether it counts for a quorum.
    pub is_voter: bool,
    /// Entries of the log that are applied.
    pub applied: u64,
    /// Entries of the log that are here and not applied yet.
    pub lag: u64,
    /// For how long it has had something to apply and has applied nothing, in milliseconds.
    pub still_ms: u64,
    /// Whether so many voters have answered the node lately that they could elect somebody with it.
    pub is_quorum_near: bool,
    /// Why it does nothing any more.
    pub failure: Option<String>,
    /// What only the leader knows.
    pub led: Option<LedReport>,
}

/// How a shard is doing, where it is led.
#[data]
pub struct LedReport {
    /// Whether it serves requests.
    pub is_serving: bool,
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

/// The copies that a node holds.
pub(crate) async fn copies(router: &Router) -> Vec<CopyReport> {
    let mut all = Vec::new();
    for (shard, hosted) in router.all_hosted() {
        if let Some(group) = &hosted.group {
            all.push(copy(router, shard, &hosted, &group.status()).await);
        }
    }
    all
}

async fn copy(
    router: &Router,
    shard: ShardId,
    hosted: &Hosted,
    status: &Replicating,
) -> CopyReport {
    let now = router.peers().home().now();
    let still = router.progress().still(shard, now);
    let is_near = |it: &&Member| {
        it.node == status.member.node || router.progress().is_near(NodeId(it.node), now)
    };
    let (sender, told) = oneshot::channel();
    let executing = match &hosted.inbox {
        Some(inbox) if inbox.send(Item::Status(sender)).is_ok() => told.await.ok(),
        Some(_) | None => None,
    };
    CopyReport {
        shard: shard.0,
        leader: status.leader.map(|it| it.node),
        term: status.term,
        is_voter: status.voters.contains(&status.member),
        applied: status.applied,
        lag: status.last.saturating_sub(status.applied),
        still_ms: u64::try_from(still.as_millis()).unwrap_or(u64::MAX),
        is_quorum_near: status.voters.iter().filter(is_near).count() * 2 > status.voters.len(),
        failure: status.failure.clone(),
        led: executing.map(|it| LedReport::of(&it, status)),
    }
}

impl LedReport {
    fn of(executing: &Executing, status: &Replicating) -> Self {
        let lags = status.matched.iter().map(|(_, matched)| status.last.saturating_sub(*matched));
        Self {
            is_serving: executing.serving,
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
