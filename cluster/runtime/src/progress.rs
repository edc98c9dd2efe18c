//! Whether the copies of this node get on, whatever they say of themselves: entries that are there and that
//! nobody applies are a copy that stands still, and a node that nobody answers is alone.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::slots::ShardId;
use cluster::transport::{Lane, NodeId};
use futures::future::join_all;
use raft::home::Moment;
use raft::peers::Topic;
use raft::shared::Shared;

use crate::router::Router;
use crate::wire::Message;

/// Between two looks, and how quickly others have to answer.
const PERIOD: Duration = Duration::from_millis(500);

/// A node that has not answered for so long is not near.
const NEAR_MAX: Duration = Duration::from_secs(3);

/// How far each copy has come, and since when; when each node has last answered.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    steps: Shared<BTreeMap<ShardId, Step>>,
    answered: Shared<BTreeMap<NodeId, Moment>>,
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
        let answered = self.answered.with(|it| it.get(&node).copied());
        answered.is_some_and(|at| now - at < NEAR_MAX)
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
pub(crate) async fn watch(router: Router) {
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
        join_all(nodes.into_iter().map(|node| ask(&router, node))).await;
        home.sleep(PERIOD.saturating_sub(home.now() - begun)).await;
    }
}

async fn ask(router: &Router, node: NodeId) {
    let home = router.peers().home();
    let (probe, asked) = (Message::Probe.encode(), home.now());
    if node != router.peers().me()
        && router.peers().ask((node, Lane::CONTROL), PERIOD, Topic::Node, &probe).await.is_ok()
    {
        router.progress().answered.with(|it| it.insert(node, asked));
    }
}

#[cfg(test)]
mod tests {
    use raft::home::{Drift, Home};

    use super::*;

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
