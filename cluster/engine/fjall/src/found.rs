//! What is found when a folder is opened: which groups there are, and whether they are sound.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use engine::{GroupId, Mark};
use fjall::Keyspace;

use crate::mark::StoredMark;

/// The marks of all three keyspaces.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// By group.
    pub(crate) meta: BTreeMap<GroupId, Bytes>,
    /// By generation; none if there are rows and no mark.
    pub(crate) state: BTreeMap<u32, Option<Bytes>>,
    /// By generation, as in `state`.
    pub(crate) streams: BTreeMap<u32, Option<Bytes>>,
}

/// A group as it was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    /// Its oldest mark, and up to which index it is durable: that.
    Sound(Mark),
    /// Why its rows cannot be trusted.
    Damaged(String),
    /// It began shortly before the crash: nothing of it counts.
    NotBegun,
}

impl Marks {
    /// Every group of meta.
    pub(crate) fn groups(&self) -> BTreeMap<GroupId, Found> {
        self.meta.iter().map(|(group, bytes)| (*group, self.group(*group, bytes))).collect()
    }

    /// Every generation of which there are rows, and that none of `groups` has.
    pub(crate) fn leftovers(&self, groups: &BTreeMap<GroupId, Found>) -> BTreeSet<u32> {
        let used: BTreeSet<u32> = groups
            .values()
            .filter_map(|found| match found {
                Found::Sound(mark) => Some(mark.generation),
                Found::Damaged(_) | Found::NotBegun => None,
            })
            .collect();
        let all = self.state.keys().chain(self.streams.keys());
        all.copied().filter(|generation| !used.contains(generation)).collect()
    }

    /// A generation that nothing on disk has.
    pub(crate) fn next_generation(&self) -> u32 {
        let meta = self.meta.values().filter_map(|bytes| StoredMark::decode(bytes));
        let meta = meta.map(|stored| stored.mark.generation);
        let rows = self.state.keys().chain(self.streams.keys()).copied();
        let used: BTreeSet<u32> = rows.chain(meta).collect();
        let next = used.last().map_or(Some(1), |it| it.checked_add(1));
        // There are never as many as there are numbers.
        next.or_else(|| (1..=u32::MAX).find(|it| !used.contains(it))).unwrap_or_default()
    }

    fn group(&self, group: GroupId, bytes: &[u8]) -> Found {
        let Some(meta) = decode(group, bytes) else { return damaged("its mark is damaged") };
        let generation = meta.mark.generation;
        let mut all = vec![meta];
        let mut missing = 0;
        for marks in [&self.state, &self.streams] {
            match marks.get(&generation).and_then(Option::as_ref) {
                None => missing += 1,
                Some(bytes) => match decode(group, bytes) {
                    Some(stored) if stored.mark.generation == generation => all.push(stored),
                    Some(_) | None => return damaged("a mark with its rows is damaged"),
                },
            }
        }
        let durable = all.iter().map(|stored| stored.durable).max().unwrap_or(0);
        if missing > 0 && durable == 0 {
            return Found::NotBegun;
        }
        match all.into_iter().min_by_key(|stored| stored.mark.applied) {
            Some(oldest) if missing == 0 && oldest.mark.applied >= durable => {
                Found::Sound(oldest.mark)
            }
            Some(_) | None => damaged("it has lost rows that were durable"),
        }
    }
}

fn decode(group: GroupId, bytes: &[u8]) -> Option<StoredMark> {
    StoredMark::decode(bytes).filter(|stored| stored.group == group)
}

fn damaged(what: &str) -> Found {
    Found::Damaged(what.to_owned())
}

/// The generations of a keyspace and their marks. Reads two rows of each.
pub(crate) fn generations(keyspace: &Keyspace) -> fjall::Result<BTreeMap<u32, Option<Bytes>>> {
    let mut found = BTreeMap::new();
    let mut next = Some(0_u32);
    while let Some(from) = next {
        let Some(first) = keyspace.range(from.to_be_bytes()..).next() else { break };
        let (key, value) = first.into_inner()?;
        let Some((generation, rest)) = key.split_first_chunk() else { break };
        let generation = u32::from_be_bytes(*generation);
        found.insert(generation, rest.is_empty().then(|| Bytes::copy_from_slice(&value)));
        next = generation.checked_add(1);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(group: GroupId, generation: u32, applied: u64, durable: u64) -> Bytes {
        let mark = Mark { generation, applied, detail: Bytes::new() };
        StoredMark { group, mark, durable }.encode().into()
    }

    fn sound(applied: u64) -> Found {
        Found::Sound(Mark { generation: 4, applied, detail: Bytes::new() })
    }

    #[test]
    fn groups_are_judged() {
        let lost = || damaged("it has lost rows that were durable");
        let bad = || damaged("a mark with its rows is damaged");
        let mark = |applied, durable| Some(stored(1, 4, applied, durable));
        let torn = || Some(Bytes::from_static(b"torn"));
        let cases = [
            (mark(5, 3), mark(5, 3), mark(5, 3), sound(5)),
            (mark(5, 3), mark(9, 3), mark(4, 3), sound(4)),
            (mark(5, 3), mark(9, 6), mark(9, 3), lost()),
            (mark(5, 3), None, mark(9, 3), lost()),
            (mark(5, 0), None, mark(9, 0), Found::NotBegun),
            (mark(5, 0), None, None, Found::NotBegun),
            (mark(5, 0), mark(5, 0), mark(9, 0), sound(5)),
            (mark(5, 0), torn(), mark(5, 0), bad()),
            (torn(), mark(5, 0), mark(5, 0), damaged("its mark is damaged")),
            (mark(5, 0), Some(stored(2, 4, 5, 0)), mark(5, 0), bad()),
            (mark(5, 0), Some(stored(1, 3, 5, 0)), mark(5, 0), bad()),
            (Some(stored(2, 4, 5, 0)), mark(5, 0), mark(5, 0), damaged("its mark is damaged")),
        ];
        for (at, (meta, state, streams, expected)) in cases.into_iter().enumerate() {
            let marks = Marks {
                meta: meta.map(|mark| (1, mark)).into_iter().collect(),
                state: BTreeMap::from([(4, state)]),
                streams: BTreeMap::from([(4, streams)]),
            };
            assert_eq!(marks.groups(), BTreeMap::from([(1, expected)]), "case {at}");
        }
    }

    /// Three marks, each behind its length.
    #[test]
    fn whatever_marks_are_found_they_are_judged() {
        let mark = |generation| stored(1, generation, 5, 3);
        let sealed = |bytes: &[u8]| [bytes, &crc32c::crc32c(bytes).to_be_bytes()].concat();
        let bare = |bytes: &Bytes| [&[29], &bytes[..bytes.len() - 4], &[0; 4]].concat();
        let seeds = [[bare(&mark(4)), bare(&mark(4)), bare(&mark(u32::MAX))].concat()];
        fuzz::target("engine-marks").seeds(seeds).growth(1_024).run(|mut bytes| {
            let mut next = || {
                let (length, rest) = bytes.split_first()?;
                let (mark, rest) = rest.split_at(usize::from(*length).min(rest.len()));
                bytes = rest;
                Some(Bytes::from(sealed(&mark[..mark.len().saturating_sub(4)])))
            };
            let (meta, state, streams) = (next(), next(), next());
            let at = state.as_ref().map_or(4, |it| it.first().copied().unwrap_or(4).into());
            let marks = Marks {
                meta: meta.map(|mark| (1, mark)).into_iter().collect(),
                state: BTreeMap::from([(4, state)]),
                streams: BTreeMap::from([(at, streams)]),
            };
            let groups = marks.groups();
            assert_eq!(groups.len(), marks.meta.len());
            marks.leftovers(&groups);
            let used = |it: &u32| marks.state.contains_key(it) || marks.streams.contains_key(it);
            assert!(!used(&marks.next_generation()));
        });
    }

    #[test]
    fn leftovers_are_found() {
        let marks = Marks {
            meta: BTreeMap::from([(1, stored(1, 4, 5, 5)), (2, stored(2, 9, 5, 5))]),
            state: BTreeMap::from([(3, None), (4, Some(stored(1, 4, 5, 5)))]),
            streams: BTreeMap::from([(4, Some(stored(1, 4, 5, 5))), (7, None)]),
        };
        let groups = marks.groups();
        assert_eq!(groups[&1], sound(5));
        assert!(matches!(groups[&2], Found::Damaged(_)));
        assert_eq!(marks.leftovers(&groups), BTreeSet::from([3, 7]));
        assert_eq!(marks.next_generation(), 10);
        assert_eq!(Marks::default().next_generation(), 1);
    }
}
