//! What is done in the background: memtables are sealed and freed, rows that nobody sees are removed.

use std::collections::VecDeque;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use engine::keyspace::Keyspace as Home;
use engine::{EngineError, Pressure};
use fjall::UserKey;

use crate::fault::{failed, guarded};
use crate::options::SWEEP_ROWS;
use crate::shared::Shared;
use crate::store::Batch;

/// How long the sweep rests while the engine is busy.
const REST: Duration = Duration::from_millis(20);

/// How long a memtable waits at first that somebody still has. Each further time is twice as long.
const HELD_MIN: Duration = Duration::from_millis(50);

/// How long it waits at most.
const HELD_MAX: Duration = Duration::from_secs(10);

/// Something to do in the background.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Job {
    /// Seals all memtables.
    Seal,
    /// Frees memtables that were sealed.
    Free,
    /// Removes all rows of a generation.
    Sweep(u32),
    /// Ends the keeper.
    Stop,
}

/// A generation that is being removed.
struct Sweep {
    generation: u32,
    home: Home,
    /// The last key removed.
    last: Option<UserKey>,
}

/// Works until it is told to stop.
pub(crate) fn run(shared: &Arc<Shared>, jobs: &Receiver<Job>) {
    let mut sweeps: VecDeque<Sweep> = VecDeque::new();
    let (mut rest, mut held) = (Duration::ZERO, HELD_MIN);
    loop {
        let holds = shared.retired.free();
        let job = match (sweeps.is_empty(), holds) {
            (false, _) => jobs.recv_timeout(rest),
            (true, true) => {
                held = HELD_MAX.min(2 * held);
                jobs.recv_timeout(held)
            }
            (true, false) => jobs.recv().map_err(RecvTimeoutError::from),
        };
        match job {
            Ok(Job::Free) => held = HELD_MIN,
            // What failed is remembered, and told to the next who writes.
            Ok(Job::Seal) => shared.seal().unwrap_or_default(),
            Ok(Job::Sweep(generation)) => {
                sweeps.push_back(Sweep { generation, home: Home::State, last: None });
            }
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let is_busy = shared.pressure() != Pressure::None;
                rest = if is_busy { REST } else { Duration::ZERO };
                // A generation that cannot be read or written now is removed at the next open.
                if !is_busy
                    && let Some(first) = sweeps.front_mut()
                    && !matches!(first.step(shared), Ok(true))
                {
                    sweeps.pop_front();
                }
            }
        }
    }
}

impl Sweep {
    /// Removes some rows. Yields whether there are more.
    fn step(&mut self, shared: &Shared) -> Result<bool, EngineError> {
        let keys = guarded(|| self.keys(shared)).map_err(|error| failed(&error))?;
        match (keys.last(), self.home) {
            (Some(last), _) => self.last = Some(last.clone()),
            (None, Home::State) => (self.home, self.last) = (Home::Streams, None),
            (None, Home::Streams) => return Ok(false),
        }
        let mut batch = Batch::default();
        for key in keys {
            batch.set(self.home, key, None);
        }
        shared.commit(&mut *shared.writer(0, true)?, batch, |_| ())?;
        Ok(true)
    }

    /// The next keys of the generation.
    fn keys(&self, shared: &Shared) -> fjall::Result<Vec<UserKey>> {
        let from = match &self.last {
            Some(last) => Excluded(last.clone()),
            None => Included(UserKey::from(self.generation.to_be_bytes())),
        };
        let to = self.generation.checked_add(1);
        let to = to.map_or(Unbounded, |next| Excluded(UserKey::from(next.to_be_bytes())));
        let rows = shared.store.keyspace(self.home).range((from, to));
        rows.take(SWEEP_ROWS).map(fjall::Guard::key).collect()
    }
}
