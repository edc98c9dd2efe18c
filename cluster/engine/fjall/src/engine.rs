//! The engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;
use engine::keyspace::keyspace_of;
use engine::limits::{KEY_BYTES_MAX, SCAN_ROWS_MAX};
use engine::{
    Applied, Engine, EngineError, GroupId, Install, Pressure, Row, Snapshot, State, check,
};
use entity::transaction::Range;
use fjall::Readable;

use crate::background::in_background;
use crate::buffer::applied_bytes;
use crate::fault::guarded;
use crate::install::FjallInstall;
use crate::keeper::{self, Job};
use crate::open::open;
use crate::options::Options;
use crate::shared::Shared;
use crate::snapshot::snapshot;
use crate::store::{Batch, key_of};
use crate::visible::{Live, Seen};

/// The applied state of all groups of a node, in a folder. Dropped, it flushes, ends its threads and
/// lets go of the folder, unless a snapshot or install of it is still there.
pub struct FjallEngine {
    shared: Arc<Shared>,
    keeper: Option<JoinHandle<()>>,
}

impl FjallEngine {
    /// Opens a folder, or makes it. No other process may have it open. Threads in the background give way to
    /// those of the caller, where the system knows how.
    ///
    /// # Errors
    /// `Unreadable`: hand the folder to [`crate::set_aside`], open again, and install every group.
    /// `Full`. `Failed`.
    pub fn open(folder: &Path, options: Options) -> Result<Self, EngineError> {
        in_background(|| {
            let (shared, jobs) = open(folder, options)?;
            let kept = Arc::clone(&shared);
            let keeper = Builder::new().name("engine-keeper".to_owned());
            let keeper = keeper.spawn(move || keeper::run(&kept, &jobs));
            let keeper = keeper.map_err(|error| EngineError::Failed { what: error.to_string() })?;
            Ok(Self { shared, keeper: Some(keeper) })
        })
    }

    /// Stops without a flush, as a crash would.
    pub fn abandon(mut self) {
        self.stop();
    }

    /// Ends the keeper. Yields whether it had not ended before.
    fn stop(&mut self) -> bool {
        let Some(keeper) = self.keeper.take() else { return false };
        self.shared.tell(Job::Stop);
        // A keeper that panicked has ended too.
        drop(keeper.join());
        true
    }
}

impl Engine for FjallEngine {
    fn groups(&self) -> Vec<(GroupId, State)> {
        self.shared.visible().groups.iter().map(|(group, live)| (*group, live.state())).collect()
    }

    fn state(&self, group: GroupId) -> Option<State> {
        self.shared.visible().groups.get(&group).map(Live::state)
    }

    fn apply(&self, batch: Vec<(GroupId, Applied)>) -> Result<(), EngineError> {
        check::groups(&batch);
        let mut changes = batch.iter().flat_map(|(_, applied)| &applied.changes);
        let only_removes = changes.all(|change| change.value.is_none());
        let bytes = batch.iter().map(|(_, applied)| applied_bytes(applied)).sum::<usize>();
        let mut writer = self.shared.writer(bytes as u64, only_removes)?;
        let full = self.shared.gather(&mut writer, batch)?;
        self.shared.pour(&mut writer, &full)
    }

    fn get(&self, group: GroupId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Ok(None);
        }
        let seen = self.shared.view(group, |buffer| buffer.get(key))?;
        let Some(Seen { mark, newer, older }) = seen else { return Ok(None) };
        if let Some((_, row)) = newer {
            return Ok(row);
        }
        let keyspace = self.shared.store.keyspace(keyspace_of(key));
        let found = guarded(|| older.get(keyspace, key_of(mark.generation, key)));
        let found = found.map_err(|error| self.shared.damage(group, mark.generation, &error))?;
        Ok(found.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(&self, group: GroupId, range: &Range) -> Result<Vec<Row>, EngineError> {
        if range.from >= range.to {
            self.shared.view(group, |_| ())?;
            return Ok(Vec::new());
        }
        let seen = self.shared.view(group, |buffer| buffer.range(range))?;
        let Some(Seen { mark, newer, older }) = seen else { return Ok(Vec::new()) };
        let range = Range { limit: range.limit.min(SCAN_ROWS_MAX), ..range.clone() };
        let older = (&*older, mark.generation);
        let rows = guarded(|| self.shared.store.scan(older, &range, newer));
        rows.map_err(|error| self.shared.damage(group, mark.generation, &error))
    }

    fn flush(&self) -> Result<BTreeMap<GroupId, u64>, EngineError> {
        self.shared.flush()
    }

    fn snapshot(&self, group: GroupId) -> Result<Box<dyn Snapshot>, EngineError> {
        snapshot(&self.shared, group)
    }

    fn install(&self, group: GroupId) -> Result<Box<dyn Install>, EngineError> {
        self.shared.check()?;
        Ok(Box::new(FjallInstall::new(&self.shared, group)))
    }

    fn remove(&self, group: GroupId) -> Result<(), EngineError> {
        let shared = &self.shared;
        let mut writer = shared.writer(0, true)?;
        if self.state(group).is_none() {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.set_group(group, None);
        let mut old = None;
        shared.commit(&mut writer, batch, |groups| old = groups.remove(&group))?;
        drop(writer);
        shared.flush_keyspaces(&[&shared.store.meta])?;
        if let Some(generation) = old.and_then(|live| live.generation()) {
            shared.tell(Job::Sweep(generation));
        }
        Ok(())
    }

    fn failure(&self) -> Option<String> {
        self.shared.failure()
    }

    fn pressure(&self) -> Pressure {
        self.shared.pressure()
    }
}

impl Drop for FjallEngine {
    fn drop(&mut self) {
        if self.stop() {
            // What is not flushed is replayed from the log.
            drop(self.shared.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::found::generations;
    use crate::options::INSTALL_BATCH_BYTES;

    const OPTIONS: Options =
        Options { memory_bytes: 1 << 20, free_bytes_min: 0, files_max: 100, turn: 0 };

    fn rows(count: u8) -> Vec<Row> {
        let row = |number: u8| {
            let part = if number.is_multiple_of(2) { 1 } else { 3 };
            (Bytes::from(vec![0, 1, 0, 3, 0, part, number]), Bytes::from_static(b"row"))
        };
        (0..count).map(row).collect()
    }

    /// Waits until both keyspaces have rows of these generations only.
    fn wait_for(engine: &FjallEngine, expected: &[u32]) {
        let store = &engine.shared.store;
        for _ in 0..1_000 {
            let found = [&store.state, &store.streams].map(|it| generations(it).unwrap());
            if found.iter().all(|it| it.keys().copied().eq(expected.iter().copied())) {
                return;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("there are {:?}", generations(&store.state));
    }

    #[test]
    fn what_nobody_sees_is_swept() {
        let folder = std::env::temp_dir().join(format!("engine-sweep-{}", std::process::id()));
        let engine = FjallEngine::open(&folder, OPTIONS).unwrap();
        for group in [1, 2] {
            let mut install = engine.install(group).unwrap();
            install.put(rows(200)).unwrap();
            install.finish(5, Bytes::new()).unwrap();
        }
        wait_for(&engine, &[1, 2]);
        engine.install(1).unwrap().finish(6, Bytes::new()).unwrap();
        wait_for(&engine, &[2, 3]);
        let mut dropped = engine.install(1).unwrap();
        dropped.put(rows(100)).unwrap();
        drop(dropped);
        engine.remove(2).unwrap();
        wait_for(&engine, &[3]);

        let mut left = engine.install(1).unwrap();
        left.put(vec![(Bytes::from_static(b"a"), vec![1; INSTALL_BATCH_BYTES].into())]).unwrap();
        engine.flush().unwrap();
        // The install outlives the engine, as it would in a crash: nobody sweeps.
        engine.abandon();
        drop(left);
        let engine = FjallEngine::open(&folder, OPTIONS).unwrap();
        wait_for(&engine, &[3]);
        drop(engine);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn memtables_that_nobody_has_are_freed() {
        let folder = std::env::temp_dir().join(format!("engine-retired-{}", std::process::id()));
        let engine = FjallEngine::open(&folder, OPTIONS).unwrap();
        for applied in 1..=20 {
            engine.apply(vec![(1, Applied { applied, ..Applied::default() })]).unwrap();
            engine.flush().unwrap();
        }
        // fjall keeps the last ones of each keyspace until it looks again.
        let retired = || engine.shared.retired.count();
        for _ in 0..1_000 {
            if retired() <= 6 {
                break;
            }
            sleep(Duration::from_millis(5));
        }
        assert!((1..=6).contains(&retired()), "{}", retired());
        drop(engine);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_mark_that_differs_damages_its_group_only() {
        let folder = std::env::temp_dir().join(format!("engine-mark-{}", std::process::id()));
        let engine = FjallEngine::open(&folder, OPTIONS).unwrap();
        let applied = Applied { applied: 5, ..Applied::default() };
        engine.apply(vec![(1, applied.clone()), (2, applied)]).unwrap();
        engine.flush().unwrap();
        let store = &engine.shared.store;
        store.streams.insert(1_u32.to_be_bytes(), b"nonsense").unwrap();
        drop(engine);
        let engine = FjallEngine::open(&folder, OPTIONS).unwrap();
        let groups = engine.groups();
        assert!(matches!(groups[0], (1, State::Damaged(_))), "{groups:?}");
        assert!(matches!(groups[1], (2, State::Sound(_))), "{groups:?}");
        assert!(matches!(engine.get(1, b"a"), Err(EngineError::Damaged { group: 1, .. })));
        engine.install(1).unwrap().finish(7, Bytes::new()).unwrap();
        assert_eq!(engine.get(1, b"a"), Ok(None));
        drop(engine);
        fs::remove_dir_all(folder).unwrap();
    }
}
