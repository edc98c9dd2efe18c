//! A probe counts its writes and keeps the last value: each answer names its place in one order. That
//! order has to be the order in time wherever one operation ended before another one began, which is
//! all that linearizability asks for, and no search is needed to see it.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::Verdict;
use crate::ledger::{Act, Operation, Outcome};

/// Judges all operations on one probe. The last one is a question that was asked when all others were over.
pub(crate) fn judge(operations: &[&Operation]) -> Verdict {
    let mut verdict = Verdict::default();
    let Some(end) = operations.last().and_then(|it| it.writes()) else {
        verdict.say("nobody could tell in the end what a probe holds".to_owned());
        return verdict;
    };
    let mut known: BTreeMap<u64, &str> = BTreeMap::new();
    for (operation, place, value) in writes(operations) {
        verdict.acknowledged += 1;
        if place > end {
            verdict.lost += 1;
            verdict
                .say(format!("write {place} was acknowledged, and there are {end}: {operation:?}"));
        }
        if let Some(other) = known.insert(place, value) {
            verdict.lost += 1;
            verdict.say(format!("write {place} is {other} and {value}"));
        }
    }
    let places = known.len() as u64;
    let unknown: BTreeSet<&str> = unknown(operations).collect();
    let more = end.saturating_sub(places).saturating_sub(unknown.len() as u64);
    if more > 0 {
        verdict.twice += more;
        verdict.say(format!("{places} writes were acknowledged, and there are {end}"));
    }
    check_values(operations, known, &unknown, &mut verdict);
    check_order(operations, &mut verdict);
    verdict
}

/// Writes that were acknowledged, with their places and values.
fn writes<'a>(operations: &[&'a Operation]) -> impl Iterator<Item = (&'a Operation, u64, &'a str)> {
    operations.iter().filter_map(|it| match &it.act {
        Act::Write(value) => Some((*it, it.writes()?, value.as_str())),
        Act::Read => None,
    })
}

/// Values of which nobody knows whether they were written.
fn unknown<'a>(operations: &[&'a Operation]) -> impl Iterator<Item = &'a str> {
    operations.iter().filter_map(|it| match (&it.act, &it.outcome) {
        (Act::Write(value), Outcome::Unknown) => Some(value.as_str()),
        (Act::Write(_), Outcome::Done { .. } | Outcome::Refused(_)) | (Act::Read, _) => None,
    })
}

/// Checks that who reads after so many writes reads the value of the last of them.
fn check_values<'a>(
    operations: &[&'a Operation],
    mut known: BTreeMap<u64, &'a str>,
    unknown: &BTreeSet<&str>,
    verdict: &mut Verdict,
) {
    for operation in operations.iter().filter(|it| !it.is_write()) {
        let Outcome::Done { writes, value } = &operation.outcome else { continue };
        if *writes == 0 && value.is_empty() {
            continue;
        }
        let is_new = !known.contains_key(writes) && unknown.contains(value.as_str());
        let expected = *known.entry(*writes).or_insert(if is_new { value } else { "" });
        if expected != value {
            verdict.say(format!("write {writes} was {expected:?}, and {value:?} is read"));
        }
    }
}

/// Checks that nothing is older than what was known before it began.
fn check_order(operations: &[&Operation], verdict: &mut Verdict) {
    let told = operations.iter().filter_map(|it| Some((*it, it.writes()?)));
    let mut by_begin: Vec<_> = told.collect();
    let mut by_end = by_begin.clone();
    by_begin.sort_by_key(|(it, _)| it.began);
    by_end.sort_by_key(|(it, _)| it.ended);
    let (mut ended, mut floor) = (by_end.into_iter().peekable(), 0);
    for (operation, place) in by_begin {
        while let Some((_, before)) = ended.next_if(|(it, _)| it.ended < operation.began) {
            floor = floor.max(before);
        }
        let least = floor + u64::from(operation.is_write());
        if place < least {
            verdict.say(format!("old: {floor} was known before this began: {operation:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn operation(text: &str) -> Operation {
        let words: Vec<_> = text.split(' ').collect();
        let ms = |at: usize| Duration::from_millis(words[at].parse().unwrap());
        let act = if words[2] == "read" { Act::Read } else { Act::Write(words[2].to_owned()) };
        let outcome = match words[3] {
            "?" => Outcome::Unknown,
            "refused" => Outcome::Refused("overloaded".to_owned()),
            writes => Outcome::Done {
                writes: writes.parse().unwrap(),
                value: words.get(4).unwrap_or(&words[2]).to_string(),
            },
        };
        let (began, ended) = (ms(0), ms(1));
        Operation { client: 0, probe: 1, shard: 1, act, began, ended, outcome }
    }

    /// Lines are: from, to, what is written or `read`, what came of it, what was read.
    #[track_caller]
    fn check(lines: &[&str], (lost, twice): (u64, u64), expected: &str) {
        let operations: Vec<_> = lines.iter().map(|it| operation(it)).collect();
        let verdict = judge(&operations.iter().collect::<Vec<_>>());
        assert_eq!((verdict.lost, verdict.twice), (lost, twice), "{lines:?}: {verdict:?}");
        let said = verdict.sentences.join("; ");
        assert!(said.contains(expected), "{lines:?}: {said}");
        assert_eq!(said.is_empty(), expected.is_empty(), "{lines:?}: {said}");
    }

    #[test]
    fn what_is_sound_passes() {
        check(&["0 1 a 1", "2 3 read 1 a", "4 5 b 2", "9 9 read 2 b"], (0, 0), "");
        // At the same time either may be first.
        check(&["0 5 a 2", "0 5 b 1", "1 4 read 1 b", "9 9 read 2 a"], (0, 0), "");
        check(&["0 5 a ?", "1 4 read 0 ", "9 9 read 0 "], (0, 0), "");
        check(&["0 5 a ?", "6 7 read 1 a", "9 9 read 1 a"], (0, 0), "");
        check(&["0 5 a refused", "9 9 read 0 "], (0, 0), "");
    }

    #[test]
    fn what_is_not_is_found() {
        check(&["0 1 a 1", "9 9 read 0 "], (1, 0), "was acknowledged, and there are 0");
        check(&["0 1 a 1", "2 3 b 1", "9 9 read 1 b"], (1, 0), "write 1 is a and b");
        check(&["0 1 a 1", "9 9 read 2 a"], (0, 1), "1 writes were acknowledged, and there are 2");
        check(&["0 1 a 1", "2 3 read 0 ", "9 9 read 1 a"], (0, 0), "old: 1 was known");
        check(&["0 1 a 1", "0 1 b 2", "2 3 read 1 a", "9 9 read 2 b"], (0, 0), "old: 2 was known");
        check(&["0 1 a 2", "2 3 b 1", "9 9 read 2 a"], (0, 0), "old: 2 was known");
        check(&["0 1 a 1", "2 3 read 1 b", "9 9 read 1 a"], (0, 0), "and \"b\" is read");
        check(&["0 1 a ?", "2 3 read 1 c", "9 9 read 1 a"], (0, 0), "and \"c\" is read");
        check(&["0 1 a 1", "9 9 read ?"], (0, 0), "nobody could tell");
    }
}
