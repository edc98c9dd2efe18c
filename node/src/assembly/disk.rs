//! Watches how much room is left on the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use raft::home::Home;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(250);

/// Looks, as long as the node lives, whether fewer than so many bytes are free.
pub(super) async fn watch(home: Home, folder: PathBuf, (min, is_full): (u64, Arc<AtomicBool>)) {
    loop {
        match rustix::fs::statvfs(&folder) {
            Ok(disk) => {
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                let was_full = is_full.swap(free < min, Ordering::Relaxed);
                if free < min && !was_full {
                    tracing::error!(free, "the disk is nearly full: only deletes are taken");
                }
            }
            Err(error) => tracing::error!(%error, "nobody knows how full the disk is"),
        }
        home.sleep(PERIOD).await;
    }
}
