//! Memtables that were sealed, until nobody else has them.
//!
//! fjall lets go of a memtable while it holds the lock that whoever reads or writes needs, and to free a full one
//! takes as long as its rows are many: up to 0.1 s in which a node stands still. Held here as well, it is freed where
//! nobody waits.

use std::mem::take;
use std::sync::{Arc, PoisonError};

use engine::EngineError;
use fjall::{AbstractTree, Keyspace, SeqNo};

use crate::fault::failed;
use crate::shared::Lock;

/// Memtables that were sealed.
#[derive(Default)]
pub(crate) struct Retired(Lock<Vec<Arc<dyn Send + Sync>>>);

impl Retired {
    /// Has the memtable of a keyspace flushed, and holds it. Yields the last sequence number in it.
    pub(crate) fn seal(&self, keyspace: &Keyspace) -> Result<Option<SeqNo>, EngineError> {
        // Nobody else may seal meanwhile: a memtable that is held twice were never freed.
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (tree, memtable) = (&keyspace.tree, keyspace.tree.active_memtable());
        let last = tree.get_highest_memtable_seqno();
        if keyspace.rotate_memtable().map_err(|error| failed(&error))? {
            held.push(memtable);
        }
        Ok(last)
    }

    /// Frees those that nobody else has. Yields whether there are more.
    pub(crate) fn free(&self) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has none cannot get one: it is not in the tree any more.
        let is_alone = |memtable: &Arc<dyn Send + Sync>| Arc::strong_count(memtable) == 1;
        let (alone, others) = take(&mut *held).into_iter().partition(is_alone);
        *held = others;
        let more = !held.is_empty();
        drop(held);
        drop::<Vec<_>>(alone);
        more
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}
