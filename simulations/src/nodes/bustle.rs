//! How busy a world is. Nodes that keep each other busy for ever would never let it end.

use raft::shared::Shared;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Most that happens within a second: messages that arrive, and looks at a clock, of which every turn of
/// a shard takes one. 700 seeds came to 8,000.
pub const BUSTLE_MAX: u64 = 200_000;

/// Counts what happens within a second.
pub struct Bustle {
    began: Instant,
    /// A second, and how much has happened in it.
    second: Shared<(u64, u64)>,
    overrun: Notify,
}

impl Bustle {
    /// A world that is quiet. Call it inside the runtime.
    pub fn begin() -> Self {
        Self { began: Instant::now(), second: Shared::default(), overrun: Notify::new() }
    }

    /// Something happens.
    pub fn count(&self) {
        let now = self.began.elapsed().as_secs();
        let count = self.second.with(|(second, count)| {
            *count = if *second == now { *count + 1 } else { 1 };
            *second = now;
            *count
        });
        if count > BUSTLE_MAX {
            self.overrun.notify_one();
        }
    }

    /// Waits until more happens than may.
    pub async fn overrun(&self) {
        self.overrun.notified().await;
    }
}
