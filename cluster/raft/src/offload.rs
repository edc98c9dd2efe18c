//! Work that may wait for a disk, away from the tasks that must not.

use std::io;
use std::sync::Arc;

use tokio::sync::oneshot;

/// A piece of work.
pub type Work = Box<dyn FnOnce() + Send>;

/// Where work goes that may block. Clones are the same.
///
/// Production: threads of their own. Simulation: it is done at once, so that nothing depends on
/// threads.
#[derive(Clone)]
pub struct Offload(Arc<dyn Fn(Work) + Send + Sync>);

impl Offload {
    /// Hands work to `runner`, which runs all of it, in any order.
    pub fn to(runner: impl Fn(Work) + Send + Sync + 'static) -> Self {
        Self(Arc::new(runner))
    }

    /// Does all work at once.
    pub fn inline() -> Self {
        Self::to(|work| work())
    }

    /// Starts work whose end somebody else tells.
    pub fn start(&self, work: impl FnOnce() + Send + 'static) {
        (self.0)(Box::new(work));
    }

    /// Does work and yields what came of it.
    ///
    /// # Errors
    ///
    /// When the runner dropped it: the node is going down.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (sender, receiver) = oneshot::channel();
        self.start(move || drop(sender.send(work())));
        receiver.await.map_err(|_dropped| io::Error::other("the node is going down"))
    }
}
