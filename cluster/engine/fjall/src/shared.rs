//! What the engine, its installs and its keeper share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError, RwLockReadGuard, RwLockWriteGuard};
use std::thread::sleep;

use engine::{EngineError, GroupId, Pressure};
use fjall::{AbstractTree, Keyspace};

use crate::buffer::Buffer;
use crate::fault::unreadable_rows;
use crate::inspect::suspect;
use crate::keeper::Job;
use crate::options::{
    FULL_QUARTERS, Options, RUNS_MAX, RUNS_RISING, SEALED_MAX, SEALED_QUARTERS, SEALED_RISING,
    SPACE_CHECKED_BYTES,
};
use crate::retired::Retired;
use crate::store::{Batch, PAUSE, Store};
use crate::visible::{Live, Seen, Visible};

#[expect(clippy::disallowed_types, reason = "an engine is shared by threads")]
pub(crate) type Lock<T> = std::sync::Mutex<T>;

#[expect(clippy::disallowed_types, reason = "an engine is shared by threads")]
pub(crate) type ReadLock<T> = std::sync::RwLock<T>;

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    /// What readers see.
    pub(crate) visible: ReadLock<Visible>,
    /// Held by whoever writes, so that marks and memory change in the same order.
    pub(crate) space: Lock<Space>,
    pub(crate) next_generation: AtomicU32,
    /// Why nothing is done any more.
    pub(crate) failure: OnceLock<String>,
    pub(crate) keeper: Sender<Job>,
    /// Whether the keeper has been told to seal the memtables.
    pub(crate) is_sealing: AtomicBool,
    /// Quarters of its size at which the keeper seals a memtable next.
    pub(crate) sealed_at: AtomicU64,
    /// Memtables that were sealed.
    pub(crate) retired: Retired,
}

/// How full the disk is, and what whoever writes has at hand.
pub(crate) struct Space {
    is_full: bool,
    /// Bytes that may be written until it is looked up again.
    credit_bytes: u64,
    /// The last batch, empty: a new one would grow through fresh memory, which the system has to clear first.
    pub(crate) spare: Batch,
}

impl Space {
    pub(crate) fn unknown() -> Self {
        Self { is_full: false, credit_bytes: 0, spare: Batch::default() }
    }

    /// A batch that is likely to have room.
    pub(crate) fn batch(&mut self) -> Batch {
        std::mem::take(&mut self.spare)
    }
}

impl Shared {
    /// Whether anything is done at all.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        match self.failure.get() {
            Some(what) => Err(EngineError::Failed { what: what.clone() }),
            None => Ok(()),
        }
    }

    /// Why nothing is done any more, if so.
    pub(crate) fn failure(&self) -> Option<String> {
        // A worker of fjall gives up by itself. What it was to flush makes pressure rise, nothing is
        // written then, and nobody else would notice.
        if self.failure.get().is_none()
            && let Err(error) = self.store.check()
        {
            self.remember(&error);
        }
        self.failure.get().cloned()
    }

    /// Takes the right to write `bytes` bytes, of which none belong to rows if it `only_removes`.
    pub(crate) fn writer(
        &self,
        bytes: u64,
        only_removes: bool,
    ) -> Result<MutexGuard<'_, Space>, EngineError> {
        self.check()?;
        let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        if space.credit_bytes < bytes || space.is_full {
            let disk = rustix::fs::statvfs(&self.folder);
            let disk = disk.map_err(|error| EngineError::Failed { what: error.to_string() })?;
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            space.is_full = free < self.options.free_bytes_min;
            space.credit_bytes = bytes.max(SPACE_CHECKED_BYTES);
        }
        if space.is_full && !only_removes {
            return Err(EngineError::Full);
        }
        space.credit_bytes -= bytes;
        Ok(space)
    }

    /// Writes a batch, and makes it visible together with what it means for the groups.
    pub(crate) fn commit(
        &self,
        writer: &mut Space,
        mut batch: Batch,
        change: impl FnOnce(&mut BTreeMap<GroupId, Live>),
    ) -> Result<(), EngineError> {
        while self.pressure() == Pressure::Full {
            self.store.check().inspect_err(|error| self.remember(error))?;
            sleep(PAUSE);
        }
        self.store.write(&mut batch);
        writer.spare = batch;
        self.look_again(writer, change);
        self.seal_if_due()
    }

    /// Makes what was written visible.
    fn look_again(&self, _: &mut Space, change: impl FnOnce(&mut BTreeMap<GroupId, Live>)) {
        let view = Arc::new(self.store.db.snapshot());
        let mut visible = self.visible_mut();
        change(&mut visible.groups);
        let old = std::mem::replace(&mut visible.view, view);
        drop(visible);
        drop(old);
    }

    /// Has full memtables sealed by the keeper, or here if it does not keep up.
    fn seal_if_due(&self) -> Result<(), EngineError> {
        let quarters = self.store.quarters(self.options.memtables());
        if quarters >= FULL_QUARTERS {
            return self.seal();
        }
        let sealed_at = self.sealed_at.load(Ordering::Relaxed);
        if quarters >= sealed_at && !self.is_sealing.swap(true, Ordering::Relaxed) {
            self.tell(Job::Seal);
        }
        Ok(())
    }

    /// Seals all memtables, so that fjall flushes them. All, so that no stored mark stays far behind its
    /// rows.
    pub(crate) fn seal(&self) -> Result<(), EngineError> {
        for keyspace in self.store.all() {
            self.retired.seal(keyspace).inspect_err(|error| self.remember(error))?;
        }
        self.sealed_at.store(SEALED_QUARTERS, Ordering::Relaxed);
        self.is_sealing.store(false, Ordering::Relaxed);
        self.tell(Job::Free);
        Ok(())
    }

    /// Remembers that rows could not be read.
    pub(crate) fn damage(&self, group: GroupId, from: u32, error: &fjall::Error) -> EngineError {
        let error = unreadable_rows(group, error);
        if let EngineError::Damaged { what, .. } = &error
            && let Some(live) = self.visible_mut().groups.get_mut(&group)
            && live.generation() == Some(from)
        {
            *live = Live::Damaged { what: what.clone(), generation: Some(from) };
        }
        error
    }

    /// Makes durable what was applied before, and remembers what was.
    pub(crate) fn flush(&self) -> Result<BTreeMap<GroupId, u64>, EngineError> {
        let before = self.pour_all()?;
        self.flush_keyspaces(&self.store.all())?;
        self.sealed_at.store(self.options.first_quarters(), Ordering::Relaxed);
        let mut flushed = BTreeMap::new();
        self.look_again(&mut *self.writer(0, true)?, |groups| {
            for (group, mark) in before {
                if let Some(Live::Sound(sound)) = groups.get_mut(&group)
                    && sound.mark.generation == mark.generation
                {
                    sound.durable = mark.applied.max(sound.durable);
                    flushed.insert(group, sound.durable);
                }
            }
        });
        Ok(flushed)
    }

    /// Makes durable what was written to `keyspaces` before.
    pub(crate) fn flush_keyspaces(&self, keyspaces: &[&Keyspace]) -> Result<(), EngineError> {
        self.check()?;
        let flush = || {
            let mut sealed = Vec::new();
            for keyspace in keyspaces {
                sealed.extend(self.retired.seal(keyspace)?.map(|last| (*keyspace, last)));
            }
            self.tell(Job::Free);
            self.store.wait(sealed)
        };
        flush().inspect_err(|error| self.remember(error))
    }

    /// Remembers that nothing is done any more.
    pub(crate) fn remember(&self, error: &EngineError) {
        let what = match error {
            EngineError::Failed { what } => what.clone(),
            EngineError::Damaged { .. } | EngineError::Full | EngineError::Unreadable { .. } => {
                error.to_string()
            }
        };
        // The first failure is the one that says why.
        if self.failure.set(what).is_ok() && *error != EngineError::Full {
            suspect(&self.folder);
        }
    }

    /// A view of a group, and what `gather` finds in its buffer; none if the group is not there.
    pub(crate) fn view<T>(
        &self,
        group: GroupId,
        gather: impl FnOnce(&Buffer) -> T,
    ) -> Result<Option<Seen<T>>, EngineError> {
        self.check()?;
        let visible = self.visible();
        let Some(sound) = visible.sound(group)? else { return Ok(None) };
        let (mark, newer) = (sound.mark.clone(), gather(&sound.buffer));
        Ok(Some(Seen { mark, newer, older: Arc::clone(&visible.view) }))
    }

    pub(crate) fn pressure(&self) -> Pressure {
        let of = self.store.all().map(|keyspace| {
            let (sealed, runs) =
                (keyspace.tree.sealed_memtable_count(), keyspace.tree.l0_run_count());
            if sealed >= SEALED_MAX || runs >= RUNS_MAX {
                Pressure::Full
            } else if sealed >= SEALED_RISING || runs >= RUNS_RISING {
                Pressure::Rising
            } else {
                Pressure::None
            }
        });
        of.into_iter().max().unwrap_or(Pressure::None)
    }

    pub(crate) fn begin_generation(&self) -> u32 {
        self.next_generation.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, job: Job) {
        // A keeper that is gone belongs to an engine that is gone: the next open does its work.
        self.keeper.send(job).unwrap_or_default();
    }

    pub(crate) fn visible(&self) -> RwLockReadGuard<'_, Visible> {
        self.visible.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn visible_mut(&self) -> RwLockWriteGuard<'_, Visible> {
        self.visible.write().unwrap_or_else(PoisonError::into_inner)
    }
}
