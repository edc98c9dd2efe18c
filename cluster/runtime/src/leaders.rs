//! Who leads which shard, as answers and messages of other nodes tell.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::slots::ShardId;
use cluster::transport::NodeId;
use entity::Time;
use raft::home::{Home, Moment};
use raft::shared::Shared;

/// How long a leader is believed in that nobody confirms: it may be down, and then nobody says so.
const BELIEVED: Duration = Duration::from_secs(1);

/// What is known of the leaders of all shards.
#[derive(Default)]
pub(crate) struct Leaders(Shared<BTreeMap<ShardId, Known>>);

#[derive(Clone, Copy, Default)]
struct Known {
    leader: Option<(NodeId, Moment)>,
    time: Time,
}

impl Leaders {
    /// Who leads a shard, if somebody has said so lately.
    pub(crate) fn of(&self, shard: ShardId, home: &Home) -> Option<NodeId> {
        let (node, at) = self.0.with(|it| it.get(&shard).and_then(|it| it.leader))?;
        let is_known = home.now() - at < probe::knob!(BelievedFor, BELIEVED);
        (is_known && !probe::buggify!(LeaderForgotten)).then_some(node)
    }

    /// Somebody has said who leads a shard, or that he does not know. Yields whether it is another node than
    /// was believed in.
    pub(crate) fn learn(&self, shard: ShardId, leader: Option<NodeId>, home: &Home) -> bool {
        let before = self.of(shard, home);
        let known = leader.map(|it| (it, home.now()));
        self.0.with(|all| all.entry(shard).or_default().leader = known);
        leader.is_some() && leader != before
    }

    /// The latest time of a shard that an answer has told.
    pub(crate) fn time(&self, shard: ShardId) -> Time {
        self.0.with(|known| known.get(&shard).map_or(Time::default(), |it| it.time))
    }

    /// An answer of a shard has told its time.
    pub(crate) fn learn_time(&self, shard: ShardId, time: Time) {
        self.0.with(|known| {
            let known = known.entry(shard).or_default();
            known.time = known.time.max(time);
        });
    }
}
