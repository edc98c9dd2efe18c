//! What an author wrote is there once and in its order, for readers and for followers.

use std::collections::BTreeMap;

use super::verdict::Verdict;
use crate::ledger::Wall;

/// Judges what one author wrote.
pub(crate) fn judge(wall: &Wall) -> Verdict {
    let acknowledged = wall.posts.iter().filter(|(_, it)| *it).count() as u64;
    let mut verdict = Verdict { acknowledged, ..Verdict::default() };
    for (whose, found) in [("of", &wall.found), ("delivered of", &wall.delivered)] {
        let whose = format!("{whose} author {}", wall.author);
        verdict += compare(&wall.posts, found, &whose);
    }
    for code in &wall.refused {
        verdict.say(format!("author {} was refused: {code}", wall.author));
    }
    verdict
}

fn compare(posts: &[(String, bool)], found: &[String], whose: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let places: BTreeMap<&str, usize> =
        posts.iter().enumerate().map(|(place, (text, _))| (text.as_str(), place)).collect();
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    let mut last = None;
    for text in found {
        let place = places.get(text.as_str());
        if place.is_none() {
            verdict.say(format!("{whose}: nobody wrote {text:?}"));
        }
        *times.entry(text).or_default() += 1;
        if place.copied() < last {
            verdict.say(format!("{whose}: {text:?} is behind a later one"));
        }
        last = last.max(place.copied());
    }
    for (text, is_acknowledged) in posts {
        match times.get(text.as_str()).copied().unwrap_or(0) {
            0 if *is_acknowledged => {
                verdict.lost += 1;
                verdict.say(format!("{whose}: {text:?} was acknowledged, and is not there"));
            }
            0 | 1 => {}
            more => {
                verdict.twice += more - 1;
                verdict.say(format!("{whose}: {text:?} is there {more} times"));
            }
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of posts `a`, `b` and `c` the second was not acknowledged.
    #[track_caller]
    fn check(found: &str, (lost, twice): (u64, u64), expected: &str) {
        let text = |it: &str| it.to_owned();
        let posts = [(text("a"), true), (text("b"), false), (text("c"), true)];
        let found: Vec<_> = found.split_terminator(' ').map(str::to_owned).collect();
        let verdict = compare(&posts, &found, "of x");
        assert_eq!((verdict.lost, verdict.twice), (lost, twice), "{found:?}");
        let said = verdict.sentences.join("; ");
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{said}");
    }

    #[test]
    fn posts_are_there_once_and_in_order() {
        check("a c", (0, 0), "");
        check("a b c", (0, 0), "");
        check("a b", (1, 0), "\"c\" was acknowledged, and is not there");
        check("a b c c", (0, 1), "\"c\" is there 2 times");
        check("a c b", (0, 0), "\"b\" is behind a later one");
        check("a c d", (0, 0), "nobody wrote \"d\"");
    }
}
