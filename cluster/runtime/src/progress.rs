//! Whether the copies of this node get on, whatever they say of themselves: entries that are there and that
//! nobody applies are a copy that stands still, and a node that nobody answers is alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cluster::slots::ShardId;
use cluster::transport::{Lane, NodeId};
use futures::future::join_all;
use raft::home::Moment;
use raft::peers::Topic;
use raft::shared::Shared;

use crate::clock::Clock;
use crate::router::Router;
use crate::wire::{Message, Reply};

/// Between two looks, and how quickly others have to answer.
const PERIOD: Duration = Duration::from_millis(500);

/// A node that has not answered for so long is not near.
const NEAR_MAX: Duration = Duration::from_secs(3);

/// How far each copy has come, and since when; how each node has answered.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    steps: Shared<BTreeMap<ShardId, Step>>,
    asked: Shared<BTreeMap<NodeId, Asked>>,
}

#[derive(Debug, Default)]
struct Asked {
    /// The last time that brought an answer.
    answered: Option<Moment>,
    /// How often it has been asked in vain since: time passes for who sleeps, too.
    in_vain: u32,
}

#[derive(Debug)]
struct Step {
    applied: u64,
    since: Moment,
}

impl Progress {
    /// For how long a copy has had something to apply and has not done so.
    pub(crate) fn still(&self, shard: ShardId, now: Moment) -> Duration {
        let since = self.steps.with(|steps| steps.get(&shard).map(|it| it.since));
        since.map_or(Duration::ZERO, |since| now - since)
    }

    /// Whether a node has answered lately: it is heard, and hears.
    pub(crate) fn is_near(&self, node: NodeId, now: Moment) -> bool {
        let answered = self.asked.with(|it| it.get(&node).and_then(|it| it.answered));
        answered.is_some_and(|at| now - at < NEAR_MAX)
    }

    /// The nodes that have answered nothing for so long, whatever is heard of them.
    pub(crate) fn mute(&self, lasting: Duration) -> BTreeSet<NodeId> {
        let is_mute =
            |(node, it): (&NodeId, &Asked)| (PERIOD * it.in_vain > lasting).then_some(*node);
        self.asked.with(|asked| asked.iter().filter_map(is_mute).collect())
    }

    /// Whether a node has answered nothing for a while.
    pub(crate) fn is_mute(&self, node: NodeId) -> bool {
        let in_vain = self.asked.with(|it| it.get(&node).map_or(0, |it| it.in_vain));
        PERIOD * in_vain > NEAR_MAX
    }

    /// A node has been asked at some moment, and has answered or not.
    fn told(&self, node: NodeId, asked: Moment, has_answered: bool) {
        self.asked.with(|all| {
            let it = all.entry(node).or_default();
            *it = if has_answered {
                Asked { answered: Some(asked), in_vain: 0 }
            } else {
                Asked { in_vain: it.in_vain.saturating_add(1), ..*it }
            };
        });
    }

    /// A copy has been looked at: up to where it has applied its log, and where that ends.
    fn seen(&self, shard: ShardId, (applied, last): (u64, u64), now: Moment) {
        self.steps.with(|steps| {
            let step = steps.entry(shard).or_insert(Step { applied, since: now });
            if applied != step.applied || applied >= last {
                *step = Step { applied, since: now };
            }
        });
    }

    fn keep(&self, is_here: impl Fn(ShardId) -> bool) {
        self.steps.with(|steps| steps.retain(|shard, _| is_here(*shard)));
    }
}

/// Looks at every copy and asks every node, as long as this one lives.
pub(crate) async fn watch(router: Router, clock: Arc<dyn Clock>) {
    let home = router.peers().home().clone();
    loop {
        let hosted = router.all_hosted();
        router.progress().keep(|shard| hosted.contains_key(&shard));
        for (shard, hosted) in hosted {
            if let Some(status) = hosted.group.map(|it| it.status()) {
                router.progress().seen(shard, (status.applied, status.last), home.now());
            }
        }
        let begun = home.now();
        let nodes: Vec<_> = router.roster().nodes.keys().copied().collect();
        join_all(nodes.into_iter().map(|node| ask(&router, &*clock, node))).await;
        match router.skew().judge(home.now()) {
            Some(true) => {
                probe::sometimes!(ClockWrong);
                let ahead = router.skew().ahead_micros(home.now()).map(|it| it / 1_000);
                tracing::error!(ahead_ms = ahead, "the clock is wrong: this node leads nothing");
            }
            Some(false) => tracing::info!("the clock is right again"),
            None => {}
        }
        home.sleep(PERIOD.saturating_sub(home.now() - begun)).await;
    }
}

async fn ask(router: &Router, clock: &dyn Clock, node: NodeId) {
    if node == router.peers().me() {
        return;
    }
    let home = router.peers().home();
    let (probe, asked) = (Message::Probe.encode(), home.now());
    let answer = router.peers().ask((node, Lane::CONTROL), PERIOD, Topic::Node, &probe).await;
    let answer = answer.map(|it| Reply::decode(&it));
    router.progress().told(node, asked, answer.is_ok());
    let Ok(Ok(Reply::Here(_, theirs))) = answer else { return };
    router.skew().told(node, (theirs, clock.now()), (asked, home.now()));
}

#[cfg(test)]
mod tests {
    use raft::home::{Drift, Home};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_is_asked_in_vain_is_mute() {
        let (home, progress, node) =
            (Home::new(1, Drift::default()), Progress::default(), NodeId(2));
        let second = Duration::from_secs(1);
        progress.told(node, home.now(), true);
        home.sleep(Duration::from_hours(1)).await;
        assert_eq!(progress.mute(second), BTreeSet::new(), "nobody has asked");
        for count in 0..4 {
            assert_eq!(progress.mute(second).contains(&node), count > 2);
            progress.told(node, home.now(), false);
        }
        assert!(!progress.is_near(node, home.now()));
        progress.told(node, home.now(), true);
        assert_eq!(
            (progress.mute(second), progress.is_near(node, home.now())),
            (BTreeSet::new(), true)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_could_be_applied_and_is_not_stands_still() {
        let (home, progress, shard) =
            (Home::new(1, Drift::default()), Progress::default(), ShardId(1));
        let mut still = Vec::new();
        let second = Duration::from_secs(1);
        for (applied, last) in [(5, 5), (5, 5), (5, 6), (5, 7), (6, 7), (6, 7), (7, 7)] {
            home.sleep(second).await;
            progress.seen(shard, (applied, last), home.now());
            still.push(progress.still(shard, home.now()).as_secs());
        }
        assert_eq!(still, [0, 0, 1, 2, 0, 1, 0]);
        progress.keep(|_| false);
        home.sleep(second).await;
        assert_eq!(progress.still(shard, home.now()), Duration::ZERO);
    }
}
