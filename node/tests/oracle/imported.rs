//! What feeds hold after an import, computed again from the same files. It shares nothing with the import.
//!
//! As `roost import --help` and `import::draw` have it: each edge is two follows, the person of number 7 is
//! `p0007`, and the text in row n (from 0) is published by person number x mod people, in the order of
//! numbers, where x is the number at place n of the `SplitMix64` sequence that begins with the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What was imported.
pub(crate) struct Imported {
    /// The edges.
    pub(crate) follows: PathBuf,
    /// The texts.
    pub(crate) posts: PathBuf,
    pub(crate) seed: u64,
    pub(crate) people_max: usize,
    pub(crate) posts_max: usize,
}

/// What should be there.
pub(crate) struct Expected {
    /// Whom each handle follows.
    pub(crate) follows: BTreeMap<String, BTreeSet<String>>,
    /// Each author's posts, oldest first.
    posts: BTreeMap<String, Vec<String>>,
}

impl Expected {
    pub(crate) fn of(imported: &Imported) -> Self {
        let edges = std::fs::read_to_string(&imported.follows).expect("the edges are there");
        let edge = |line: &str| {
            let (one, other) = line.split_once(' ').expect("two numbers");
            [one, other].map(|it| it.parse::<u64>().expect("a number"))
        };
        let edges: Vec<_> = edges.lines().map(edge).collect();
        let people: BTreeSet<u64> = edges.iter().flatten().copied().collect();
        let people: Vec<u64> = people.into_iter().take(imported.people_max).collect();
        let name = |number: u64| format!("p{number:04}");
        let mut follows: BTreeMap<_, BTreeSet<_>> =
            people.iter().map(|it| (name(*it), BTreeSet::new())).collect();
        let is_kept = |it: &u64| people.binary_search(it).is_ok();
        for [one, other] in edges.iter().filter(|it| it.iter().all(is_kept)) {
            follows.entry(name(*one)).or_default().insert(name(*other));
            follows.entry(name(*other)).or_default().insert(name(*one));
        }
        let mut posts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut chance = imported.seed;
        for text in column(&imported.posts).into_iter().take(imported.posts_max) {
            let place = usize::try_from(next(&mut chance) % people.len() as u64).expect("small");
            posts.entry(name(people[place])).or_default().push(text);
        }
        Self { follows, posts }
    }

    /// The posts that a reader should see, by author, oldest first.
    pub(crate) fn feed<'a>(&'a self, reader: &'a str) -> BTreeMap<&'a str, &'a [String]> {
        let authors = self.follows[reader].iter().map(String::as_str).chain([reader]);
        authors.filter_map(|it| Some((it, self.posts.get(it)?.as_slice()))).collect()
    }
}

/// `SplitMix64` as its authors wrote it, with a state that moves on.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The first column of a CSV file whose only quotes are around whole fields.
fn column(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("the posts are there");
    let field = |line: &str| match line.strip_prefix('"') {
        Some(rest) => {
            rest.split_once("\",").map_or(rest.trim_end_matches('"'), |it| it.0).to_owned()
        }
        None => line.split(',').next().unwrap_or_default().to_owned(),
    };
    text.lines().skip(1).map(field).collect()
}

/// The tokens that the state file of an import has, in the order of the people.
pub(crate) fn tokens(state: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(state).expect("the state is there");
    let lines = text.lines().map(|it| serde_json::from_str(it).expect("it is JSON"));
    let accounts = lines.filter_map(|it: serde_json::Value| {
        let account = it.get("account")?;
        Some((account["person"].as_u64()?, account["account"]["token"].as_str()?.to_owned()))
    });
    accounts.collect::<BTreeMap<_, _>>().into_values().collect()
}
