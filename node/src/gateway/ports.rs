//! What the gateway takes from the world around it.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use entity::Id;
use raft::offload::Offload;
use runtime::clock::Clock;
use tokio::task::spawn_blocking;

use crate::world::{self, SECRET_BYTES, SystemClock};

/// Fills a buffer with bytes that nobody can guess.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// What the gateway takes from the world around it: from the machine, or from a simulation. Clones are
/// the same.
#[derive(Clone)]
pub struct Ports {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids, secrets and salts come from.
    pub entropy: Entropy,
    /// Where passwords are hashed.
    pub offload: Offload,
    /// How many of them at once.
    pub hashes_max: usize,
}

impl Ports {
    /// Those of this machine, on which one password is hashed by each processor.
    pub fn machine() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(world::fill),
            offload: Offload::to(|work| drop(spawn_blocking(work))),
            hashes_max: available_parallelism().map_or(1, NonZero::get),
        }
    }

    /// An id for something that begins now.
    pub(crate) fn id(&self) -> Id {
        Id::random(self.clock.now(), u64::from_le_bytes(self.bytes()))
    }

    /// Bytes that nobody can guess.
    pub(crate) fn secret(&self) -> [u8; SECRET_BYTES] {
        self.bytes()
    }

    /// Bytes that nobody can guess, any number of them.
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.entropy)(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("hashes_max", &self.hashes_max).finish_non_exhaustive()
    }
}
