//! The three keyspaces, and how they become durable.
//!
//! Of fjall only the trees, their flushes and compactions are used. A batch goes straight to the
//! memtables: fjall's own way leads through its journal, which is of no use here (see
//! [`crate::inspect`]), costs a fifth of the time, makes whoever writes wait for an fsync of it at
//! every flush, and sleeps in steps of 100 ms when the background has fallen behind.

use std::thread::sleep;
use std::time::Duration;

use bytes::Bytes;
use engine::keyspace::{Keyspace as Home, Span, span_of};
use engine::{EngineError, GroupId, Row};
use entity::transaction::{Order, Range};
use fjall::{
    AbstractTree, Database, Keyspace, PersistMode, Readable, SeqNo, Snapshot, UserKey, UserValue,
};

use crate::fault::failed;
use crate::mark::StoredMark;
use crate::merge::{Change, merged, present};
use crate::options::Memtables;

/// How long whoever waits for fjall waits before looking again.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// Names of the keyspaces.
pub(crate) const NAMES: [&str; 3] = ["state", "streams", "meta"];

/// Rows in their order.
pub(crate) type Rows = Box<dyn Iterator<Item = fjall::Result<Change>> + Send>;

/// A database with its keyspaces.
pub(crate) struct Store {
    pub(crate) state: Keyspace,
    pub(crate) streams: Keyspace,
    pub(crate) meta: Keyspace,
    pub(crate) db: Database,
}

/// What is written at once.
#[derive(Default)]
pub(crate) struct Batch(Vec<Write>);

struct Write {
    place: Place,
    key: UserKey,
    value: Option<UserValue>,
}

#[derive(Clone, Copy)]
enum Place {
    Rows(Home),
    Meta,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts or removes a row, whose key has the generation in front. Each key once: all writes of a
    /// batch have one sequence number, and which of two to one key held would be open.
    pub(crate) fn set(&mut self, home: Home, key: impl Into<UserKey>, value: Option<&[u8]>) {
        let value = value.map(UserValue::from);
        self.0.push(Write { place: Place::Rows(home), key: key.into(), value });
    }

    /// Puts a mark where it belongs: behind the rows that it speaks of.
    pub(crate) fn mark(&mut self, stored: &StoredMark) {
        self.mark_rows(stored);
        self.set_group(stored.group, Some(stored));
    }

    /// Puts a mark where rows are.
    pub(crate) fn mark_rows(&mut self, stored: &StoredMark) {
        let key = stored.mark.generation.to_be_bytes();
        for home in [Home::State, Home::Streams] {
            self.set(home, key, Some(&stored.encode()));
        }
    }

    /// Puts or removes a mark where groups are.
    pub(crate) fn set_group(&mut self, group: GroupId, stored: Option<&StoredMark>) {
        let value = stored.map(|stored| UserValue::from(stored.encode()));
        self.0.push(Write { place: Place::Meta, key: group.to_be_bytes().into(), value });
    }
}

impl Store {
    pub(crate) fn keyspace(&self, home: Home) -> &Keyspace {
        match home {
            Home::State => &self.state,
            Home::Streams => &self.streams,
        }
    }

    pub(crate) fn all(&self) -> [&Keyspace; 3] {
        [&self.state, &self.streams, &self.meta]
    }

    /// Writes a batch to the memtables, and empties it. Nobody else may write meanwhile. A memtable may be
    /// sealed in the middle of it: marks come last, so rows can only be newer than their mark.
    pub(crate) fn write(&self, batch: &mut Batch) {
        let sequence = self.db.supervisor.seqno.next();
        for Write { place, key, value } in batch.0.drain(..) {
            let keyspace = match place {
                Place::Rows(home) => self.keyspace(home),
                Place::Meta => &self.meta,
            };
            match value {
                Some(value) => keyspace.tree.insert(key, value, sequence),
                None => keyspace.tree.remove(key, sequence),
            };
        }
        self.db.supervisor.snapshot_tracker.publish(sequence);
    }

    /// Fails if a worker of fjall has given up: then nothing would ever be flushed.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        self.db.persist(PersistMode::Buffer).map_err(|error| failed(&error))
    }

    /// How many quarters of its largest size the fullest memtable has.
    pub(crate) fn quarters(&self, memtables: Memtables) -> u64 {
        let size = |keyspace: &Keyspace| 4 * keyspace.tree.active_memtable().size();
        let rows = size(&self.state).max(size(&self.streams)) / memtables.rows_bytes;
        rows.max(size(&self.meta) / memtables.meta_bytes)
    }

    /// Waits until what was sealed is durable.
    pub(crate) fn wait(&self, mut sealed: Vec<(&Keyspace, SeqNo)>) -> Result<(), EngineError> {
        loop {
            self.check()?;
            sealed.retain(|(keyspace, last)| {
                // A memtable sealed in the middle of a batch ends with the number that the next one
                // begins with: only one above says that both are durable.
                keyspace.tree.sealed_memtable_count() > 0
                    && keyspace.tree.get_highest_persisted_seqno() <= Some(*last)
            });
            if sealed.is_empty() {
                return Ok(());
            }
            sleep(PAUSE);
        }
    }

    /// The rows of a range of a generation, where `newer` does not say otherwise.
    pub(crate) fn scan(
        &self,
        (view, generation): (&Snapshot, u32),
        range: &Range,
        newer: Vec<Change>,
    ) -> fjall::Result<Vec<Row>> {
        let order = range.order;
        let stored = |home| {
            let rows = view.range(self.keyspace(home), between(generation, range));
            let rows: Rows = match order {
                Order::Up => Box::new(rows.map(row)),
                Order::Down => Box::new(rows.rev().map(row)),
            };
            rows
        };
        let stored = match span_of(range) {
            Span::One(home) => stored(home),
            Span::Both => Box::new(merged(order, stored(Home::State), stored(Home::Streams))),
        };
        let rows = merged(order, newer.into_iter().map(Ok), stored);
        rows.filter_map(present).take(range.limit).collect()
    }

    /// All rows of a generation, in their order, without the mark.
    pub(crate) fn rows(&self, view: &Snapshot, generation: u32) -> Rows {
        use std::ops::Bound::{Excluded, Unbounded};
        let to = generation.checked_add(1).map_or(Unbounded, |next| Excluded(next.to_be_bytes()));
        let rows = |home| {
            let from = Excluded(generation.to_be_bytes());
            view.range(self.keyspace(home), (from, to)).map(row)
        };
        Box::new(merged(Order::Up, rows(Home::State), rows(Home::Streams)))
    }

    /// Reads everything, for the checksums.
    pub(crate) fn read_all(&self) -> fjall::Result<()> {
        self.all().into_iter().flat_map(Keyspace::iter).try_for_each(|row| row.key().map(drop))
    }

    /// The marks of all groups, by the key they stand under.
    pub(crate) fn groups(&self) -> impl Iterator<Item = fjall::Result<(GroupId, Bytes)>> {
        self.meta.iter().map(|guard| {
            let (key, mark) = guard.into_inner()?;
            let group = key.first_chunk().map_or(GroupId::MAX, |key| GroupId::from_be_bytes(*key));
            Ok((group, Bytes::copy_from_slice(&mark)))
        })
    }
}

/// Key of a row: generation, then its own.
pub(crate) fn key_of(generation: u32, key: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(4 + key.len());
    whole.extend_from_slice(&generation.to_be_bytes());
    whole.extend_from_slice(key);
    whole
}

/// A row as it was put.
fn row(guard: fjall::Guard) -> fjall::Result<Change> {
    let (key, value) = guard.into_inner()?;
    let key = Bytes::copy_from_slice(key.get(4..).unwrap_or_default());
    Ok((key, Some(Bytes::copy_from_slice(&value))))
}

fn between(generation: u32, range: &Range) -> (std::ops::Bound<Vec<u8>>, std::ops::Bound<Vec<u8>>) {
    use std::ops::Bound::{Excluded, Included};
    let (from, to) = (key_of(generation, &range.from), key_of(generation, &range.to));
    // The mark stands where an empty key would.
    (if range.from.is_empty() { Excluded(from) } else { Included(from) }, Excluded(to))
}
