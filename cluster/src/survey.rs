//! Reads what a shard keeps for the entities of its slots, and nothing else of them.

use bytes::Bytes;
use entity::transaction::{Order, Range};

use crate::slots::{SLOTS, Slot};
use crate::storage;

/// A row and its key.
type Row = (Bytes, Bytes);

/// What is to be read: rows that have to be in memory while a shard is served. They stand in front of the
/// entities of each slot, so that there are as many places to look at as slots.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Survey {
    /// The first key.
    pub from: Bytes,
    /// Most rows.
    pub rows_max: usize,
    /// Most slots that are looked at.
    pub slots_max: usize,
}

/// What was read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Surveyed {
    /// The rows, in the order of their keys.
    pub rows: Vec<Row>,
    /// Where to go on; none behind the last slot.
    pub next: Option<Bytes>,
}

impl Survey {
    /// Reads it from whoever has all rows of the shard.
    ///
    /// # Errors
    ///
    /// Those of `scan`.
    pub fn read<E>(self, scan: impl Fn(&Range) -> Result<Vec<Row>, E>) -> Result<Surveyed, E> {
        let Self { from, rows_max, slots_max } = self;
        let mut found = Surveyed { rows: Vec::new(), next: Some(from) };
        for _ in 0..slots_max {
            let left = rows_max - found.rows.len();
            let Some(from) = found.next.take_if(|_| left > 0) else { break };
            let seek = range(&from, &storage::slots_end(), 1);
            let Some((key, _)) = scan(&seek)?.pop() else { break };
            let (slot, _) = storage::slot_and_class(&key).expect("every key begins with a slot");
            let (first, end) = storage::slot_rows(slot);
            found.next = behind(slot);
            if (first..end.clone()).contains(&key) {
                let rows = scan(&range(&key, &end, left))?;
                if let Some((last, _)) = rows.last().filter(|_| rows.len() == left) {
                    found.next = Some(storage::join(last, &[0]));
                }
                found.rows.extend(rows);
            }
        }
        Ok(found)
    }
}

fn range(from: &Bytes, to: &Bytes, limit: usize) -> Range {
    Range { from: from.to_vec(), to: to.to_vec(), order: Order::Up, limit }
}

/// The first row of the next slot, if there is one.
fn behind(slot: Slot) -> Option<Bytes> {
    let next = slot.0 + 1;
    (next < SLOTS).then(|| storage::slot_rows(Slot(next)).0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::*;

    /// Rows of the executor (`kept`) and of entities, by slot and a number.
    fn rows(kept: &[(u16, u8)], others: &[(u16, u8)]) -> BTreeMap<Bytes, Bytes> {
        let kept = kept.iter().map(|(slot, n)| (storage::slot_rows(Slot(*slot)).0, *n));
        let others = others.iter().map(|(slot, n)| (storage::slot_rows(Slot(*slot)).1, *n));
        let key = |(first, n): (Bytes, u8)| (storage::join(&first, &[n]), Bytes::new());
        kept.chain(others).map(key).collect()
    }

    fn all(rows: &BTreeMap<Bytes, Bytes>, rows_max: usize, slots_max: usize) -> (Vec<Bytes>, u32) {
        let scan = |range: &Range| -> Result<Vec<Row>, Infallible> {
            let found = rows.range(Bytes::from(range.from.clone())..Bytes::from(range.to.clone()));
            Ok(found.take(range.limit).map(|(key, row)| (key.clone(), row.clone())).collect())
        };
        let (mut keys, mut reads, mut next) = (Vec::new(), 0, Some(storage::slot_rows(Slot(0)).0));
        while let Some(from) = next {
            let Ok(found) = Survey { from, rows_max, slots_max }.read(scan);
            assert!(found.rows.len() <= rows_max);
            keys.extend(found.rows.into_iter().map(|(key, _)| key));
            (next, reads) = (found.next, reads + 1);
        }
        (keys, reads)
    }

    #[test]
    fn all_that_is_kept_is_found_and_nothing_else() {
        let last = SLOTS - 1;
        let kept = [(0, 1), (0, 2), (7, 1), (9, 1), (9, 2), (9, 3), (last, 1)];
        let rows = rows(&kept, &[(0, 1), (3, 1), (9, 1), (last, 1)]);
        let expected: Vec<_> = {
            let of = |slot| storage::slot_rows(Slot(slot));
            let is_kept =
                |key: &&Bytes| kept.iter().any(|it| (of(it.0).0..of(it.0).1).contains(*key));
            rows.keys().filter(is_kept).cloned().collect()
        };
        assert_eq!(expected.len(), kept.len());
        for (rows_max, slots_max, reads) in [(100, 100, 1), (1, 100, 8), (100, 1, 5), (2, 3, 5)] {
            let (keys, count) = all(&rows, rows_max, slots_max);
            assert_eq!(keys, expected, "{rows_max} {slots_max}");
            assert_eq!(count, reads, "{rows_max} {slots_max}");
        }
        assert_eq!(all(&BTreeMap::new(), 1, 1), (Vec::new(), 1));
    }
}
