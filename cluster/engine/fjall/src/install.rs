//! A group as a whole, on its way in.
//!
//! The rows are durable, and marked, before meta says that they are the group's. At each moment of a
//! crash meta names a generation that is whole: the old one, or the new one.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use engine::keyspace::keyspace_of;
use engine::{EngineError, GroupId, Install, Mark, Row, check};

use crate::keeper::Job;
use crate::mark::StoredMark;
use crate::options::INSTALL_BATCH_BYTES;
use crate::shared::Shared;
use crate::store::{Batch, key_of};
use crate::visible::Live;

/// A generation in the making.
pub(crate) struct FjallInstall {
    shared: Arc<Shared>,
    group: GroupId,
    generation: u32,
    /// Rows that are not written yet.
    pending: BTreeMap<Bytes, Bytes>,
    pending_bytes: usize,
    is_visible: bool,
}

impl FjallInstall {
    pub(crate) fn new(shared: &Arc<Shared>, group: GroupId) -> Self {
        Self {
            shared: Arc::clone(shared),
            group,
            generation: shared.begin_generation(),
            pending: BTreeMap::new(),
            pending_bytes: 0,
            is_visible: false,
        }
    }

    fn write(&mut self) -> Result<(), EngineError> {
        let mut batch = Batch::default();
        for (key, value) in std::mem::take(&mut self.pending) {
            batch.set(keyspace_of(&key), key_of(self.generation, &key), Some(&value));
        }
        let bytes = std::mem::take(&mut self.pending_bytes) as u64;
        let mut writer = self.shared.writer(bytes, false)?;
        self.shared.commit(&mut writer, batch, |_| ())
    }
}

impl Install for FjallInstall {
    fn put(&mut self, rows: Vec<Row>) -> Result<(), EngineError> {
        check::rows(&rows);
        for (key, value) in rows {
            self.pending_bytes += key.len() + value.len();
            self.pending.insert(key, value);
            if self.pending_bytes >= INSTALL_BATCH_BYTES {
                self.write()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, applied: u64, detail: Bytes) -> Result<(), EngineError> {
        check::detail(&detail);
        self.write()?;
        let shared = Arc::clone(&self.shared);
        let store = &shared.store;
        let mark = Mark { generation: self.generation, applied, detail };
        let stored = StoredMark { group: self.group, mark, durable: applied };
        let mut batch = Batch::default();
        batch.mark_rows(&stored);
        shared.commit(&mut *shared.writer(0, true)?, batch, |_| ())?;
        shared.flush_keyspaces(&[&store.state, &store.streams])?;

        let mut batch = Batch::default();
        batch.set_group(self.group, Some(&stored));
        let live = Live::sound(stored.mark, applied);
        let mut old = None;
        self.is_visible = true;
        shared.commit(&mut *shared.writer(0, true)?, batch, |groups| {
            old = groups.insert(self.group, live);
        })?;
        shared.flush_keyspaces(&[&store.meta])?;
        if let Some(generation) = old.and_then(|live| live.generation()) {
            shared.tell(Job::Sweep(generation));
        }
        Ok(())
    }
}

impl Drop for FjallInstall {
    fn drop(&mut self) {
        if !self.is_visible {
            self.shared.tell(Job::Sweep(self.generation));
        }
    }
}
