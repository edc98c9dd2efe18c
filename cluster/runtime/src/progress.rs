//! Whether the copies of this node get on: entries that are there and that nobody applies are a copy that
//! stands still, whatever it says of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::slots::ShardId;
use raft::home::Moment;
use raft::shared::Shared;

use crate::router::Router;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// How far each copy has come, and since when.
#[derive(Debug, Default)]
pub(crate) struct Progress(Shared<BTreeMap<ShardId, Step>>);

#[derive(Debug)]
struct Step {
    applied: u64,
    since: Moment,
}

impl Progress {
    /// For how long a copy has had something to apply and has not done so.
    pub(crate) fn still(&self, shard: ShardId, now: Moment) -> Duration {
        let since = self.0.with(|steps| steps.get(&shard).map(|it| it.since));
        since.map_or(Duration::ZERO, |since| now - since)
    }

    /// A copy has been looked at: up to where it has applied its log, and where that ends.
    fn seen(&self, shard: ShardId, (applied, last): (u64, u64), now: Moment) {
        self.0.with(|steps| {
            let step = steps.entry(shard).or_insert(Step { applied, since: now });
            if applied != step.applied || applied >= last {
                *step = Step { applied, since: now };
            }
        });
    }

    fn keep(&self, is_here: impl Fn(ShardId) -> bool) {
        self.0.with(|steps| steps.retain(|shard, _| is_here(*shard)));
    }
}

/// Looks at every copy, as long as the node lives.
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
        home.sleep(PERIOD).await;
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
        for (applied, last) in [(5, 5), (5, 5), (5, 6), (5, 7), (6, 7), (6, 7), (7, 7)] {
            home.sleep(PERIOD).await;
            progress.seen(shard, (applied, last), home.now());
            still.push(progress.still(shard, home.now()).as_secs());
        }
        assert_eq!(still, [0, 0, 1, 2, 0, 1, 0]);
        progress.keep(|_| false);
        home.sleep(PERIOD).await;
        assert_eq!(progress.still(shard, home.now()), Duration::ZERO);
    }
}
