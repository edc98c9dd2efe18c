//! How long whoever has not found the leader of a shard waits before the next attempt.

use std::time::Duration;

use raft::group::Group;
use raft::home::Home;

/// Pause before the second attempt. Each further one doubles it.
const MIN: Duration = Duration::from_millis(5);

/// Longest pause between two attempts.
const MAX: Duration = Duration::from_millis(200);

/// How long to wait after so many attempts.
pub(crate) fn after(attempts: u32, home: &Home) -> Duration {
    let max = probe::knob!(AttemptPause, MAX);
    let pause = (MIN * 2_u32.saturating_pow(attempts.min(16))).min(max);
    // Half of it by chance, so that those who wait for one shard do not come at once.
    let part = u32::try_from(home.seed() % 1_024).expect("small");
    pause / 2 + (pause / 2) * part / 1_024
}

/// Waits, but no longer than until this node's member of the group hears of a new leader. Yields whether it
/// has: what was tried before says nothing then.
pub(crate) async fn or_news(pause: Duration, group: Option<Group>, home: &Home) -> bool {
    let Some(group) = group else {
        home.sleep(pause).await;
        return false;
    };
    tokio::select! {
        biased;
        () = has_new_leader(&group) => {}
        () = home.sleep(pause) => return false,
    }
    probe::sometimes!(WokenByNews);
    home.sleep(after(0, home)).await;
    true
}

async fn has_new_leader(group: &Group) {
    let mut changes = group.changes();
    let mut before = group.leader_node();
    while changes.next().await {
        let leader = group.leader_node();
        if leader.is_some() && leader != before {
            return;
        }
        before = leader;
    }
    // Nobody tells this member anything any more.
    std::future::pending::<()>().await;
}
