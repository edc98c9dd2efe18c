//! The three keyspaces, and how they become durable.

use std::thread::sleep;
use std::time::Duration;

use bytes::Bytes;
use engine::keyspace::{Keyspace as Home, Span, span_of};
use engine::{EngineError, GroupId, Row};
use entity::transaction::{Order, Range};
use fjall::{
    AbstractTree, Database, Iter, Keyspace, OwnedWriteBatch, PersistMode, Readable, Slice, Snapshot,
};

use crate::fault::failed;
use crate::mark::StoredMark;
use crate::options::Memtables;

/// How long a flush waits before it looks again.
const FLUSH_PAUSE: Duration = Duration::from_millis(1);

/// Names of the keyspaces.
pub(crate) const NAMES: [&str; 3] = ["state", "streams", "meta"];

/// A database with its keyspaces.
pub(crate) struct Store {
    pub(crate) state: Keyspace,
    pub(crate) streams: Keyspace,
    pub(crate) meta: Keyspace,
    pub(crate) db: Database,
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

    /// Adds a mark to a batch, where rows are.
    pub(crate) fn mark_rows(&self, batch: &mut OwnedWriteBatch, stored: &StoredMark) {
        let bytes = Slice::from(stored.encode());
        let key = stored.mark.generation.to_be_bytes();
        batch.insert(&self.state, &key[..], bytes.clone());
        batch.insert(&self.streams, &key[..], bytes);
    }

    /// Adds a mark to a batch, where groups are.
    pub(crate) fn mark_group(&self, batch: &mut OwnedWriteBatch, stored: &StoredMark) {
        batch.insert(&self.meta, &stored.group.to_be_bytes()[..], stored.encode());
    }

    /// Whether a memtable has outgrown its part of the memory.
    pub(crate) fn is_full(&self, memtables: Memtables) -> bool {
        let size = |keyspace: &Keyspace| keyspace.tree.active_memtable().size();
        size(&self.state) > memtables.rows_bytes
            || size(&self.streams) > memtables.rows_bytes
            || size(&self.meta) > memtables.meta_bytes
    }

    /// Makes durable what was written to `keyspaces` before.
    pub(crate) fn flush(&self, keyspaces: &[&Keyspace]) -> Result<(), EngineError> {
        let mut waiting = Vec::new();
        for keyspace in keyspaces {
            let Some(last) = keyspace.tree.get_highest_memtable_seqno() else { continue };
            keyspace.rotate_memtable().map_err(|error| failed(&error))?;
            waiting.push((keyspace, last));
        }
        while !waiting.is_empty() {
            // Says whether a worker has given up: then nothing would ever be flushed.
            self.db.persist(PersistMode::Buffer).map_err(|error| failed(&error))?;
            waiting.retain(|(keyspace, last)| {
                keyspace.tree.sealed_memtable_count() > 0
                    && keyspace.tree.get_highest_persisted_seqno() < Some(*last)
            });
            if !waiting.is_empty() {
                sleep(FLUSH_PAUSE);
            }
        }
        Ok(())
    }

    /// The rows of a range of a generation.
    pub(crate) fn scan(
        &self,
        view: &Snapshot,
        generation: u32,
        range: &Range,
    ) -> fjall::Result<Vec<Row>> {
        let scan = |home| {
            let rows = view.range(self.keyspace(home), between(generation, range));
            match range.order {
                Order::Up => rows.take(range.limit).map(row).collect(),
                Order::Down => rows.rev().take(range.limit).map(row).collect(),
            }
        };
        match span_of(range) {
            Span::One(home) => scan(home),
            Span::Both => {
                let (mut rows, streams): (Vec<Row>, Vec<Row>) =
                    (scan(Home::State)?, scan(Home::Streams)?);
                rows.extend(streams);
                match range.order {
                    Order::Up => rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other)),
                    Order::Down => rows.sort_unstable_by(|(one, _), (other, _)| other.cmp(one)),
                }
                rows.truncate(range.limit);
                Ok(rows)
            }
        }
    }

    /// All rows of a generation in one keyspace, without the mark.
    pub(crate) fn rows(&self, view: &Snapshot, generation: u32, home: Home) -> Iter {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = Excluded(generation.to_be_bytes());
        let to = generation.checked_add(1).map_or(Unbounded, |next| Excluded(next.to_be_bytes()));
        view.range(self.keyspace(home), (from, to))
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
pub(crate) fn row(guard: fjall::Guard) -> fjall::Result<Row> {
    let (key, value) = guard.into_inner()?;
    Ok((Bytes::copy_from_slice(key.get(4..).unwrap_or_default()), Bytes::copy_from_slice(&value)))
}

fn between(generation: u32, range: &Range) -> (std::ops::Bound<Vec<u8>>, std::ops::Bound<Vec<u8>>) {
    use std::ops::Bound::{Excluded, Included};
    let (from, to) = (key_of(generation, &range.from), key_of(generation, &range.to));
    // The mark stands where an empty key would.
    (if range.from.is_empty() { Excluded(from) } else { Included(from) }, Excluded(to))
}
