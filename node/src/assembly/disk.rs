//! Watches how much room is left on the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use raft::home::Home;

/// Below this nothing new is taken but what makes room. The engine refuses below less than half of it:
/// what was taken before still finds room.
pub(super) const FREE_BYTES_MIN: u64 = 1 << 30;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Looks, as long as the node lives.
pub(super) async fn watch(home: Home, folder: PathBuf, is_full: Arc<AtomicBool>) {
    loop {
        match rustix::fs::statvfs(&folder) {
            Ok(disk) => {
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                let was_full = is_full.swap(free < FREE_BYTES_MIN, Ordering::Relaxed);
                if free < FREE_BYTES_MIN && !was_full {
                    tracing::error!(free, "the disk is nearly full: only deletes are taken");
                }
            }
            Err(error) => tracing::error!(%error, "nobody knows how full the disk is"),
        }
        home.sleep(PERIOD).await;
    }
}
