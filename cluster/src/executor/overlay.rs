//! Rows of records that are not committed yet.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use entity::transaction::Range;

/// Uncommitted rows by key. A row leaves once its record has committed and no read that began
/// before that can still come.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    rows: BTreeMap<Bytes, Row>,
    /// Which keys each record wrote, oldest record first.
    written: VecDeque<(u64, Vec<Bytes>)>,
}

/// What uncommitted records did to a row.
pub(super) enum Newest<'a> {
    /// It has this value.
    Written(&'a Bytes),
    /// It is gone.
    Removed,
}

#[derive(Debug)]
struct Row {
    sequence: u64,
    value: Option<Bytes>,
}

impl Overlay {
    /// Notes what the record of `sequence` writes.
    pub(super) fn write(&mut self, sequence: u64, key: Bytes, value: Option<Bytes>) {
        match self.written.back_mut() {
            Some((last, keys)) if *last == sequence => keys.push(key.clone()),
            _ => self.written.push_back((sequence, vec![key.clone()])),
        }
        self.rows.insert(key, Row { sequence, value });
    }

    /// The newest version of a row, if it is not committed.
    pub(super) fn get(&self, key: &[u8]) -> Option<Newest<'_>> {
        self.rows.get(key).map(|row| match &row.value {
            Some(value) => Newest::Written(value),
            None => Newest::Removed,
        })
    }

    /// The newest versions of uncommitted rows in a range.
    pub(super) fn range(&self, range: &Range) -> impl Iterator<Item = (&[u8], Option<&Bytes>)> {
        let bounds =
            (std::ops::Bound::Included(&range.from[..]), std::ops::Bound::Excluded(&range.to[..]));
        self.rows.range::<[u8], _>(bounds).map(|(key, row)| (&key[..], row.value.as_ref()))
    }

    /// Forgets the rows of all records up to `sequence`.
    pub(super) fn retire(&mut self, sequence: u64) {
        while self.written.front().is_some_and(|(first, _)| *first <= sequence) {
            let (_, keys) = self.written.pop_front().expect("just seen");
            for key in keys {
                if self.rows.get(&key).is_some_and(|row| row.sequence <= sequence) {
                    self.rows.remove(&key);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
