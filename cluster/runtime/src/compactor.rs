//! Keeps the log of a node short: what it holds is flushed into the rows, and forgotten.

use std::time::Duration;

use crate::host::Host;

/// Between two looks at the log. A flush takes a while, and so does forgetting.
const PERIOD: Duration = Duration::from_secs(5);

/// Trims the log of each group, as long as the node lives, and acts when the log of the node is too long
/// all the same. Groups that hardly anything is written to forget then as well: one of them could keep
/// old segments for ever. A member that is behind by more than what is left gets a snapshot.
pub(crate) async fn keep_short(host: &Host) {
    let home = host.router().peers().home();
    loop {
        home.sleep(PERIOD).await;
        let is_long = host.is_log_long();
        for hosted in host.router().all_hosted().into_values() {
            let Some(group) = hosted.group else { continue };
            if is_long {
                tracing::debug!(group = group.id(), "the log is shortened");
                group.compact().await;
                group.forget().await;
            } else {
                group.trim().await;
            }
        }
    }
}
