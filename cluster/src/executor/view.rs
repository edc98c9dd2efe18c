//! What a handler reads: committed rows under uncommitted ones.

use std::collections::BTreeMap;

use bytes::Bytes;
use entity::Address;
use entity::transaction::{Range, Read, State, Want, overlay};

use super::overlay::{Newest, Overlay};
use crate::ledger::{Fetched, Ledger};
use crate::storage::{entity_prefix, join, join_range};

/// Rows fetched for a handler that runs again, by what it wanted. Keys are those of the shard.
pub(super) type FetchedRows = BTreeMap<Want, Fetched>;

/// Reads the rows of a shard.
pub(super) struct Reader<'a> {
    pub(super) overlay: &'a Overlay,
    pub(super) fetched: &'a FetchedRows,
    pub(super) ledger: &'a dyn Ledger,
}

impl Reader<'_> {
    /// Reads one row.
    pub(super) fn get(&self, key: &[u8]) -> Read<Option<Bytes>> {
        match self.overlay.get(key) {
            Some(Newest::Written(row)) => return Read::Ready(Some(row.clone())),
            Some(Newest::Removed) => return Read::Ready(None),
            None => {}
        }
        if !self.fetched.is_empty()
            && let Some(Fetched::Row(row)) = self.fetched.get(&Want::Row(key.to_vec()))
        {
            return Read::Ready(row.clone());
        }
        self.ledger.get(key)
    }

    /// Reads a range.
    pub(super) fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>> {
        let base = match self.fetched.get(&Want::Rows(range.clone())) {
            Some(Fetched::Rows(rows)) => Read::Ready(rows.clone()),
            Some(Fetched::Row(_)) | None => self.ledger.scan(&self.widened(range)),
        };
        match base {
            Read::Ready(rows) => {
                Read::Ready(overlay(rows, self.overlay.range(range), range.order, range.limit))
            }
            Read::Miss => Read::Miss,
        }
    }

    /// The range to read from the ledger: an uncommitted removal may hide a row, so as many more.
    pub(super) fn widened(&self, range: &Range) -> Range {
        let uncommitted =
            if self.overlay.is_empty() { 0 } else { self.overlay.range(range).count() };
        Range { limit: range.limit + uncommitted, ..range.clone() }
    }
}

/// The rows of a durable entity.
pub(super) struct DurableRows<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) entity: &'a Address,
}

impl State for DurableRows<'_> {
    fn get(&self, key: &[u8]) -> Read<Option<Bytes>> {
        self.reader.get(&join(&entity_prefix(self.entity), key))
    }

    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>> {
        let prefix = entity_prefix(self.entity);
        match self.reader.scan(&join_range(&prefix, range)) {
            Read::Ready(rows) => Read::Ready(without_prefix(rows, prefix.len())),
            Read::Miss => Read::Miss,
        }
    }
}

/// The rows of an ephemeral entity: all of them are in memory.
pub(super) struct EphemeralRows<'a> {
    pub(super) rows: &'a BTreeMap<Bytes, Bytes>,
    pub(super) entity: &'a Address,
}

impl State for EphemeralRows<'_> {
    fn get(&self, key: &[u8]) -> Read<Option<Bytes>> {
        Read::Ready(self.rows.get(&join(&entity_prefix(self.entity), key)).cloned())
    }

    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>> {
        let prefix = entity_prefix(self.entity);
        let Range { from, to, order, limit } = join_range(&prefix, range);
        let rows = self.rows.range(Bytes::from(from)..Bytes::from(to));
        let rows = rows.map(|(key, row)| (key.clone(), row.clone()));
        let rows = match order {
            entity::transaction::Order::Up => rows.take(limit).collect(),
            entity::transaction::Order::Down => rows.rev().take(limit).collect(),
        };
        Read::Ready(without_prefix(rows, prefix.len()))
    }
}

fn without_prefix(rows: Vec<(Bytes, Bytes)>, length: usize) -> Vec<(Bytes, Bytes)> {
    rows.into_iter().map(|(key, row)| (key.slice(length..), row)).collect()
}
