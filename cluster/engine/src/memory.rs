//! An engine in memory. The disk survives the engine, and the script decides what goes wrong.
//!
//! A crash is as the real one: of each group each keyspace keeps a prefix of its own of what was not
//! flushed, so rows may be newer than their group's mark. A replay above the mark makes them equal again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use entity::transaction::{Order, Range};

use crate::check;
use crate::keyspace::{Keyspace, keyspace_of};
use crate::limits::{CHUNK_BYTES_MAX, SCAN_ROWS_MAX};
use crate::port::{
    Applied, Change, Engine, EngineError, GroupId, Install, Mark, Pressure, Row, Snapshot, State,
};

type Rows = BTreeMap<Bytes, Bytes>;

#[expect(clippy::disallowed_types, reason = "an engine is shared by threads, and so is its disk")]
type Lock<T> = std::sync::Mutex<T>;

/// A disk for one [`MemoryEngine`] after the other.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Lock<Disk>>);

/// An engine over a [`MemoryDisk`]. It does nothing any more once another one was opened.
#[derive(Clone, Debug)]
pub struct MemoryEngine {
    disk: MemoryDisk,
    /// Which of the engines of the disk this is.
    opened: u64,
}

#[derive(Debug, Default)]
struct Disk {
    groups: BTreeMap<GroupId, Group>,
    generations: u32,
    /// What every apply since the last flush changed, oldest first.
    unflushed: Vec<BTreeMap<GroupId, Before>>,
    opened: u64,
    is_full: bool,
    is_flush_failing: bool,
    pressure: Option<Pressure>,
}

#[derive(Debug)]
struct Group {
    mark: Mark,
    /// Shared with the snapshots of it: the next change copies.
    rows: Arc<Rows>,
    damage: Option<String>,
}

/// What an apply found.
#[derive(Debug)]
struct Before {
    generation: u32,
    /// None if the group began.
    mark: Option<Mark>,
    rows: BTreeMap<Bytes, Option<Bytes>>,
}

/// How many of the applies since the last flush a group still has after a crash.
#[derive(Clone, Copy, Debug)]
struct Kept {
    state: usize,
    streams: usize,
    marks: usize,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the disk after an orderly stop: nothing is lost. An engine opened before halts.
    pub fn open(&self) -> MemoryEngine {
        let mut disk = self.lock();
        disk.unflushed.clear();
        disk.reopen(self)
    }

    /// Opens the disk after a crash. `choose(n)` yields a number below `n`: how much of what was
    /// not flushed each keyspace still has, of each group. An engine opened before halts.
    pub fn crash(&self, choose: &mut dyn FnMut(u64) -> u64) -> MemoryEngine {
        let mut disk = self.lock();
        let count = disk.unflushed.len();
        let mut kept = || -> usize {
            let kept = choose(count as u64 + 1);
            usize::try_from(kept).map_or(count, |kept| kept.min(count))
        };
        let groups: BTreeSet<GroupId> =
            disk.unflushed.iter().flat_map(BTreeMap::keys).copied().collect();
        let kept = groups.into_iter().map(|group| {
            let (state, streams, meta) = (kept(), kept(), kept());
            (group, Kept { state, streams, marks: state.min(streams).min(meta) })
        });
        let kept = kept.collect();
        disk.undo(&kept);
        disk.reopen(self)
    }

    /// Makes the rows of a group untrustworthy. Yields whether it is there.
    pub fn damage(&self, group: GroupId, what: &str) -> bool {
        let mut disk = self.lock();
        let Some(group) = disk.groups.get_mut(&group) else { return false };
        group.damage = Some(what.to_owned());
        true
    }

    /// Whether the disk is full from now on.
    pub fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// Whether flushes fail from now on. An engine whose flush failed halts.
    pub fn set_flush_failing(&self, is_failing: bool) {
        self.lock().is_flush_failing = is_failing;
    }

    /// What [`Engine::pressure`] says from now on.
    pub fn set_pressure(&self, pressure: Pressure) {
        self.lock().pressure = Some(pressure);
    }

    /// How many applies a crash could undo.
    pub fn unflushed_count(&self) -> usize {
        self.lock().unflushed.len()
    }

    /// A panic of another thread does not matter: nothing is left half done while it is locked.
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn reopen(&mut self, disk: &MemoryDisk) -> MemoryEngine {
        self.opened += 1;
        MemoryEngine { disk: disk.clone(), opened: self.opened }
    }

    /// Takes back the newest applies.
    fn undo(&mut self, kept: &BTreeMap<GroupId, Kept>) {
        let unflushed = std::mem::take(&mut self.unflushed);
        for (index, applied) in unflushed.into_iter().enumerate().rev() {
            for (id, before) in applied {
                let Some(group) = self.groups.get_mut(&id) else { continue };
                let Kept { state, streams, marks } = kept[&id];
                // An install or a removal came later, and was durable.
                if group.mark.generation != before.generation {
                    continue;
                }
                let is_kept = |keyspace| match keyspace {
                    Keyspace::State => index < state,
                    Keyspace::Streams => index < streams,
                };
                let rows = before.rows.into_iter().filter(|(key, _)| !is_kept(keyspace_of(key)));
                for (key, row) in rows {
                    set(Arc::make_mut(&mut group.rows), key, row);
                }
                match before.mark {
                    _ if index < marks => {}
                    Some(mark) => group.mark = mark,
                    None => drop(self.groups.remove(&id)),
                }
            }
        }
    }

    fn check(&self, batch: &[(GroupId, Applied)]) -> Result<(), EngineError> {
        for (id, applied) in batch {
            let current = self.groups.get(id);
            if let Some(what) = current.and_then(|group| group.damage.clone()) {
                return Err(EngineError::Damaged { group: *id, what });
            }
            check::applied(*id, applied, current.map(|group| &group.mark));
        }
        let mut changes = batch.iter().flat_map(|(_, applied)| &applied.changes);
        if self.is_full && changes.any(|change| change.value.is_some()) {
            return Err(EngineError::Full);
        }
        Ok(())
    }

    fn apply(&mut self, id: GroupId, applied: Applied) -> Before {
        let Applied { changes, applied, detail } = applied;
        let was_there = self.groups.contains_key(&id);
        if !was_there {
            let mark = Mark { generation: self.next_generation(), ..Mark::default() };
            self.groups.insert(id, Group { mark, rows: Arc::default(), damage: None });
        }
        let group = self.groups.get_mut(&id).expect("just inserted");
        let generation = group.mark.generation;
        let mark = was_there.then(|| group.mark.clone());
        let mut before = Before { generation, mark, rows: BTreeMap::new() };
        let rows = Arc::make_mut(&mut group.rows);
        for Change { key, value } in changes {
            let old = set(rows, key.clone(), value);
            before.rows.entry(key).or_insert(old);
        }
        group.mark = Mark { generation, applied, detail };
        before
    }

    fn next_generation(&mut self) -> u32 {
        self.generations += 1;
        self.generations
    }

    fn sound(&self, id: GroupId) -> Result<Option<&Group>, EngineError> {
        let group = self.groups.get(&id);
        match group.and_then(|group| group.damage.clone()) {
            Some(what) => Err(EngineError::Damaged { group: id, what }),
            None => Ok(group),
        }
    }
}

fn set(rows: &mut Rows, key: Bytes, row: Option<Bytes>) -> Option<Bytes> {
    match row {
        Some(row) => rows.insert(key, row),
        None => rows.remove(&key),
    }
}

impl MemoryEngine {
    fn lock(&self) -> Result<MutexGuard<'_, Disk>, EngineError> {
        let disk = self.disk.lock();
        if disk.opened == self.opened {
            return Ok(disk);
        }
        Err(EngineError::Failed { what: "it has halted".to_owned() })
    }
}

impl Engine for MemoryEngine {
    fn groups(&self) -> Vec<(GroupId, State)> {
        let disk = self.disk.lock();
        disk.groups.iter().map(|(id, group)| (*id, group.state())).collect()
    }

    fn state(&self, group: GroupId) -> Option<State> {
        self.disk.lock().groups.get(&group).map(Group::state)
    }

    fn apply(&self, batch: Vec<(GroupId, Applied)>) -> Result<(), EngineError> {
        check::groups(&batch);
        let mut disk = self.lock()?;
        disk.check(&batch)?;
        let before = batch.into_iter().map(|(id, applied)| (id, disk.apply(id, applied))).collect();
        disk.unflushed.push(before);
        Ok(())
    }

    fn get(&self, group: GroupId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let disk = self.lock()?;
        Ok(disk.sound(group)?.and_then(|group| group.rows.get(key).cloned()))
    }

    fn scan(&self, group: GroupId, range: &Range) -> Result<Vec<Row>, EngineError> {
        let disk = self.lock()?;
        Ok(disk.sound(group)?.map_or_else(Vec::new, |group| group.scan(range)))
    }

    fn flush(&self) -> Result<BTreeMap<GroupId, u64>, EngineError> {
        let mut disk = self.lock()?;
        if disk.is_flush_failing {
            disk.opened += 1;
            return Err(EngineError::Failed { what: "a flush failed".to_owned() });
        }
        disk.unflushed.clear();
        let sound = disk.groups.iter().filter(|(_, group)| group.damage.is_none());
        Ok(sound.map(|(id, group)| (*id, group.mark.applied)).collect())
    }

    fn snapshot(&self, group: GroupId) -> Result<Box<dyn Snapshot>, EngineError> {
        let disk = self.lock()?;
        let found = disk.sound(group)?;
        let (mark, rows) =
            found.map(|group| (group.mark.clone(), Arc::clone(&group.rows))).unwrap_or_default();
        Ok(Box::new(MemorySnapshot { mark, rows, last: None }))
    }

    fn install(&self, group: GroupId) -> Result<Box<dyn Install>, EngineError> {
        let generation = self.lock()?.next_generation();
        let engine = self.clone();
        Ok(Box::new(MemoryInstall { engine, group, generation, rows: Rows::new() }))
    }

    fn remove(&self, group: GroupId) -> Result<(), EngineError> {
        self.lock()?.groups.remove(&group);
        Ok(())
    }

    fn failure(&self) -> Option<String> {
        self.lock().err().map(|error| error.to_string())
    }

    fn pressure(&self) -> Pressure {
        self.disk.lock().pressure.unwrap_or(Pressure::None)
    }
}

impl Group {
    fn state(&self) -> State {
        match &self.damage {
            Some(what) => State::Damaged(what.clone()),
            None => State::Sound(self.mark.clone()),
        }
    }

    fn scan(&self, range: &Range) -> Vec<Row> {
        if range.from >= range.to {
            return Vec::new();
        }
        let bounds = (Bound::Included(&range.from[..]), Bound::Excluded(&range.to[..]));
        let rows = self.rows.range::<[u8], _>(bounds).map(|(key, row)| (key.clone(), row.clone()));
        let limit = range.limit.min(SCAN_ROWS_MAX);
        match range.order {
            Order::Up => rows.take(limit).collect(),
            Order::Down => rows.rev().take(limit).collect(),
        }
    }
}

struct MemorySnapshot {
    mark: Mark,
    rows: Arc<Rows>,
    /// Key of the last row that was yielded.
    last: Option<Bytes>,
}

impl Snapshot for MemorySnapshot {
    fn mark(&self) -> &Mark {
        &self.mark
    }

    fn next_chunk(&mut self, bytes_max: usize) -> Result<Option<Vec<Row>>, EngineError> {
        let bytes_max = bytes_max.min(CHUNK_BYTES_MAX);
        let after = self.last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut bytes = 0;
        let mut chunk: Vec<Row> = Vec::new();
        for (key, row) in self.rows.range::<[u8], _>((after, Bound::Unbounded)) {
            bytes += key.len() + row.len();
            if bytes > bytes_max && !chunk.is_empty() {
                break;
            }
            chunk.push((key.clone(), row.clone()));
        }
        let Some((last, _)) = chunk.last() else { return Ok(None) };
        self.last = Some(last.clone());
        Ok(Some(chunk))
    }
}

struct MemoryInstall {
    engine: MemoryEngine,
    group: GroupId,
    generation: u32,
    rows: Rows,
}

impl Install for MemoryInstall {
    fn put(&mut self, rows: Vec<Row>) -> Result<(), EngineError> {
        if self.engine.lock()?.is_full {
            return Err(EngineError::Full);
        }
        check::rows(&rows);
        self.rows.extend(rows);
        Ok(())
    }

    fn finish(self: Box<Self>, applied: u64, detail: Bytes) -> Result<(), EngineError> {
        let Self { engine, group, generation, rows } = *self;
        let mut disk = engine.lock()?;
        if disk.is_full {
            return Err(EngineError::Full);
        }
        let mark = Mark { generation, applied, detail };
        disk.groups.insert(group, Group { mark, rows: Arc::new(rows), damage: None });
        Ok(())
    }
}
