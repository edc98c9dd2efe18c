//! Keeps the log of a node short: what it holds is flushed into the rows, and forgotten.

use std::time::Duration;

use crate::host::Host;

/// Between two looks at the log. A flush takes a while, and so does forgetting.
const PERIOD: Duration = Duration::from_secs(5);

/// Looks, and acts when the log is too long, as long as the node lives. Groups that hardly anything is
/// written to forget as well: one of them could keep old segments for ever. A member that is behind by
/// more than what is left gets a snapshot.
pub(crate) async fn keep_short(host: &Host) {
    let home = host.router().peers().home();
    loop {
        home.sleep(PERIOD).await;
        if !host.is_log_long() {
            continue;
        }
        tracing::debug!("the log is shortened");
        for hosted in host.router().all_hosted().into_values() {
            if let Some(group) = hosted.group {
                group.compact().await;
                group.forget().await;
            }
        }
    }
}
