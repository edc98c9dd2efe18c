//! Watches how much room is left on the disk.

use std::fs::read_dir;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use raft::home::Home;
use runtime::disk::Disk;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(250);

/// Looks between two counts of what the node itself uses.
const LOOKS: u32 = 20;

/// Looks, as long as the node lives, how much room there is, and whether fewer than so many bytes are
/// free.
pub(super) async fn watch(home: Home, folder: PathBuf, (min, disk): (u64, Arc<Disk>)) {
    for look in (0..LOOKS).cycle() {
        match rustix::fs::statvfs(&folder) {
            Ok(found) => {
                let free = found.f_bavail.saturating_mul(found.f_frsize);
                disk.set_free(free);
                let was_full = disk.set_full(free < min);
                if free < min && !was_full {
                    tracing::error!(free, "the disk is nearly full: only deletes are taken");
                }
            }
            Err(error) => tracing::error!(%error, "nobody knows how full the disk is"),
        }
        if look == 0 {
            match used(&folder) {
                Ok(bytes) => disk.set_used(bytes),
                // Files come and go while they are counted.
                Err(error) => tracing::debug!(%error, "nobody knows how much this node uses"),
            }
        }
        home.sleep(PERIOD).await;
    }
}

/// Bytes of all files in a folder, and in those within it.
fn used(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        sum += if found.is_dir() { used(&entry.path())? } else { found.len() };
    }
    Ok(sum)
}
