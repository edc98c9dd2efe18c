//! Keeps the log of a node short: what it holds is flushed into the rows, and forgotten.

use std::time::Duration;

use raft::group::Group;

use crate::host::Host;

/// Between two looks at the log. A flush takes a while, and so does forgetting.
const PERIOD: Duration = Duration::from_secs(5);

/// Trims the log of each group, as long as the node lives, and acts when the log of the node is too long
/// all the same. Groups that hardly anything is written to forget then as well: one of them could keep
/// old segments for ever. A member that is behind by more than what is left gets a snapshot.
pub(crate) async fn keep_short(host: &Host) {
    let home = host.router().peers().home();
    loop {
        home.sleep(probe::knob!(CompactionPeriod, PERIOD)).await;
        let is_long = host.is_log_long() || probe::buggify!(LogForgotten);
        let groups = host.router().all_hosted().into_values().filter_map(|it| it.group);
        let groups: Vec<_> = groups.collect();
        if is_long || probe::buggify!(SnapshotTaken) {
            for group in &groups {
                group.compact().await;
            }
        }
        let upto = |group: &Group| if is_long { group.can_forget() } else { group.can_trim() };
        let purged = groups.iter().filter_map(|group| Some((group, upto(group)?)));
        let purged: Vec<_> = purged.collect();
        if purged.is_empty() || probe::buggify!(FlushSkipped) {
            continue;
        }
        if probe::mutant!(PurgeAhead) {
            for (group, upto) in purged {
                group.purge(upto).await;
            }
            continue;
        }
        let durable = match host.flush().await {
            Ok(durable) => durable,
            Err(error) => {
                tracing::warn!(error, "the rows are not flushed, and nothing is purged");
                continue;
            }
        };
        for (group, upto) in purged {
            if let Some(durable) = durable.get(&group.id()) {
                group.purge(upto.min(*durable)).await;
            }
        }
    }
}
