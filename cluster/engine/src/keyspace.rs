//! In which keyspace a row is kept.
//!
//! Items of streams are written once, read in order and leave in order; heads and rows are written
//! again and again. Apart, neither makes the other's compaction dearer.

use entity::transaction::{Part, Range};

/// Where rows are kept together.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Keyspace {
    /// Heads, rows, lengths of streams, and whatever the executor keeps.
    State,
    /// Items of streams.
    Streams,
}

/// Which keyspaces a range may touch.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Span {
    /// All its rows are kept in one.
    One(Keyspace),
    /// Its rows may be kept in either.
    Both,
}

/// Slot, kind and length of the key: what stands before an entity's key.
const ENTITY_PREFIX_BYTES: usize = 5;

/// Where a row is kept. A key that follows no layout is kept with the state.
pub fn keyspace_of(key: &[u8]) -> Keyspace {
    match part_at(key).and_then(|at| key.get(at)) {
        Some(part) if *part == Part::Item as u8 => Keyspace::Streams,
        Some(_) | None => Keyspace::State,
    }
}

/// Where the rows of a range are kept.
pub fn span_of(range: &Range) -> Span {
    let Range { from, to, .. } = range;
    if is_executors(from) && from.get(..4) == to.get(..4) {
        return Span::One(Keyspace::State);
    }
    let Some(at) = part_at(from).filter(|at| from.get(..*at) == to.get(..*at)) else {
        return Span::Both;
    };
    let item = Part::Item as u8;
    match (from.get(at), to.get(at)) {
        (Some(first), Some(last)) if *first == item && *last == item => {
            Span::One(Keyspace::Streams)
        }
        (Some(first), Some(last)) if *first == item && to.len() == at + 1 && *last == item + 1 => {
            Span::One(Keyspace::Streams)
        }
        (_, Some(last)) if *last < item || (*last == item && to.len() == at + 1) => {
            Span::One(Keyspace::State)
        }
        _ => Span::Both,
    }
}

/// Where the [`Part`] of an entity's row stands. The executor's own rows have none.
fn part_at(key: &[u8]) -> Option<usize> {
    let length = *key.get(ENTITY_PREFIX_BYTES - 1)?;
    (!is_executors(key)).then_some(ENTITY_PREFIX_BYTES + usize::from(length))
}

/// Kind 0 is no kind: the executor's own.
fn is_executors(key: &[u8]) -> bool {
    key.get(2..4) == Some(&[0, 0])
}

#[cfg(test)]
mod tests {
    use entity::transaction::Order;

    use super::*;

    #[test]
    fn rows_are_told_apart() {
        let cases: [(&[u8], Keyspace); 12] = [
            (&[], Keyspace::State),
            (b"abc", Keyspace::State),
            (&[0, 1, 0, 7, 2], Keyspace::State),
            (&[0, 1, 0, 7, 2, 9, 9], Keyspace::State),
            (&[0, 1, 0, 7, 2, 9, 9, 0], Keyspace::State),
            (&[0, 1, 0, 7, 2, 9, 9, 1, 3, 3], Keyspace::State),
            (&[0, 1, 0, 7, 2, 9, 9, 2, 3], Keyspace::State),
            (&[0, 1, 0, 7, 2, 9, 9, 3], Keyspace::Streams),
            (&[0, 1, 0, 7, 2, 9, 9, 3, 1, 0], Keyspace::Streams),
            (&[0, 1, 0, 7, 0, 3, 1], Keyspace::Streams),
            (&[0, 1, 0, 0, 2, 9, 9, 3, 1], Keyspace::State),
            (&[255, 255, 0, 0, 0, 3, 1], Keyspace::State),
        ];
        for (key, expected) in cases {
            assert_eq!(keyspace_of(key), expected, "{key:?}");
        }
    }

    #[test]
    fn ranges_are_told_apart() {
        let state = Span::One(Keyspace::State);
        let streams = Span::One(Keyspace::Streams);
        let cases: [(&[u8], &[u8], Span); 12] = [
            (&[], &[255], Span::Both),
            (&[0, 1], &[0, 2], Span::Both),
            (&[0, 1, 0, 0, 1], &[0, 1, 0, 0, 4], state),
            (&[0, 1, 0, 0, 1], &[0, 2, 0, 0, 1], Span::Both),
            (&[0, 1, 0, 7, 1, 9, 0], &[0, 1, 0, 7, 1, 9, 2], state),
            (&[0, 1, 0, 7, 1, 9, 1, 5], &[0, 1, 0, 7, 1, 9, 3], state),
            (&[0, 1, 0, 7, 1, 9, 1, 5], &[0, 1, 0, 7, 1, 9, 3, 0], Span::Both),
            (&[0, 1, 0, 7, 1, 9, 3, 5], &[0, 1, 0, 7, 1, 9, 3, 6], streams),
            (&[0, 1, 0, 7, 1, 9, 3, 5], &[0, 1, 0, 7, 1, 9, 4], streams),
            (&[0, 1, 0, 7, 1, 9, 3, 5], &[0, 1, 0, 7, 1, 9, 4, 0], Span::Both),
            (&[0, 1, 0, 7, 1, 9], &[0, 1, 0, 7, 1, 9, 2], state),
            (&[0, 1, 0, 7, 1, 9, 3], &[0, 1, 0, 7, 1, 8, 4], Span::Both),
        ];
        for (from, to, expected) in cases {
            let range = Range { from: from.into(), to: to.into(), order: Order::Up, limit: 1 };
            assert_eq!(span_of(&range), expected, "{from:?}..{to:?}");
        }
    }

    #[test]
    fn rows_of_a_range_are_where_it_says() {
        let parts = [&[0, 1, 0, 7, 1, 9][..], &[0, 1, 0, 7, 1, 8], &[0, 1, 0, 0, 1, 9]];
        let ends: [&[u8]; 7] = [&[], &[0], &[1, 5], &[2], &[3], &[3, 7], &[4]];
        let all = parts.iter().flat_map(|part| ends.iter().map(|end| [*part, end].concat()));
        let keys: Vec<Vec<u8>> = all.collect();
        for from in &keys {
            for to in &keys {
                let range =
                    Range { from: from.clone(), to: to.clone(), order: Order::Up, limit: 1 };
                let Span::One(span) = span_of(&range) else { continue };
                for key in keys.iter().filter(|key| *key >= from && *key < to) {
                    assert_eq!(keyspace_of(key), span, "{key:?} in {from:?}..{to:?}");
                }
            }
        }
    }
}
