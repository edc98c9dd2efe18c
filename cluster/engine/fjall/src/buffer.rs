//! Rows on their way to the memtables.
//!
//! A memtable is a skip list of megabytes, and each write to it a search through memory that is not
//! in any cache: a third of all that a busy node did. So the changes of a group are first gathered
//! in a map small enough to stay in a cache. Heads that are written again and replies that end soon
//! never go further, marks go once for many batches, and what goes on does so in the order of keys,
//! where one search leads past the same nodes as the one before.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};

use bytes::Bytes;
use engine::Applied;
use entity::transaction::{Order, Range};

use crate::merge::Change;

/// What a change costs besides its key and value, in bytes.
const CHANGE_BYTES: usize = 64;

/// The newest changes of a group. What it does not name is as the memtables and tables say.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    rows: BTreeMap<Bytes, Option<Bytes>>,
    bytes: usize,
    /// Whether the mark is newer than the stored one.
    is_marked: bool,
}

impl Buffer {
    pub(crate) fn gather(&mut self, changes: Vec<engine::Change>) {
        self.is_marked = true;
        for change in changes {
            self.bytes += change_bytes(&change);
            self.rows.insert(change.key, change.value);
        }
    }

    /// Bytes of all changes gathered, those replaced since included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is something that the memtables do not know, be it only a mark.
    pub(crate) fn is_fresh(&self) -> bool {
        self.is_marked
    }

    /// All changes, in the order of keys.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Bytes, Option<&Bytes>)> {
        self.rows.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// The change of a row, if there is one.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Change> {
        self.rows.get_key_value(key).map(copied)
    }

    /// The changes within a range, in its order, as far as they can matter: a range is full when as
    /// many rows as its limit are there.
    pub(crate) fn range(&self, range: &Range) -> Vec<Change> {
        let between = (Included(&range.from[..]), Excluded(&range.to[..]));
        let rows = self.rows.range::<[u8], _>(between);
        match range.order {
            Order::Up => up_to(range.limit, rows),
            Order::Down => up_to(range.limit, rows.rev()),
        }
    }
}

fn up_to<'a>(
    limit: usize,
    rows: impl Iterator<Item = (&'a Bytes, &'a Option<Bytes>)>,
) -> Vec<Change> {
    let mut left = limit;
    let is_wanted = |(_, row): &(&Bytes, &Option<Bytes>)| {
        let is_wanted = left > 0;
        left -= usize::from(is_wanted && row.is_some());
        is_wanted
    };
    rows.take_while(is_wanted).map(copied).collect()
}

/// What is gathered are parts of whole records. Whoever reads may keep it for long, and is to hold no more
/// than that.
fn copied((key, row): (&Bytes, &Option<Bytes>)) -> Change {
    let copied = |it: &Bytes| Bytes::copy_from_slice(it);
    (copied(key), row.as_ref().map(copied))
}

/// What a batch counts as, in bytes.
pub(crate) fn applied_bytes(applied: &Applied) -> usize {
    3 * applied.detail.len() + applied.changes.iter().map(change_bytes).sum::<usize>()
}

fn change_bytes(change: &engine::Change) -> usize {
    change.key.len() + change.value.as_ref().map_or(0, Bytes::len) + CHANGE_BYTES
}
