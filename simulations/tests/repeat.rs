//! A seed is all that a simulation depends on. If this does not hold, nothing else here means much:
//! run it first.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::env;
use std::path::Path;
use std::process::Command;

/// Seeds of whole nodes that are run twice.
const SEEDS: u64 = 50;

/// The same at night.
const SEEDS_AT_NIGHT: u64 = 1_000;

/// Seeds that are run one after the other, and each by itself.
const IN_A_ROW: u64 = 10;

/// A process with another environment: its memory lies elsewhere, and it stands elsewhere.
struct Place<'a> {
    folder: &'a Path,
    padding: usize,
}

impl Place<'_> {
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.args(arguments);
        command.current_dir(self.folder).env("ROOST_PADDING", "x".repeat(self.padding));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }
}

/// Runs a seed at two places. Says where they part.
fn compare(world: &str, seed: u64, (here, there): (&Place<'_>, &Place<'_>)) {
    let seed = seed.to_string();
    let line = ["replay", "--world", world, "--seed", &seed];
    let (first, second) = (here.run(&line), there.run(&line));
    assert!(first.starts_with(&format!("{world} seed {seed} hash ")), "{first}");
    if first == second {
        return;
    }
    let trace = [&line[..], &["--trace"]].concat();
    let (first, second) = (here.run(&trace), there.run(&trace));
    panic!("seed {seed} of `{world}` is not repeatable: {:#?}", parted(&first, &second));
}

/// The first line in which two traces differ, or that only one of them has.
fn parted<'t>(first: &'t str, second: &'t str) -> Option<(Option<&'t str>, Option<&'t str>)> {
    let (mut first, mut second) = (first.lines(), second.lines());
    loop {
        match (first.next(), second.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            parted => return Some(parted),
        }
    }
}

fn compare_all(world: &str, seeds: u64) {
    let elsewhere = env::temp_dir();
    for seed in 0..seeds {
        let here = Place { folder: Path::new(env!("CARGO_MANIFEST_DIR")), padding: 0 };
        let padding = 5_000 + usize::try_from(seed).unwrap();
        compare(world, seed, (&here, &Place { folder: &elsewhere, padding }));
    }
}

#[test]
fn a_seed_is_all_that_counts_for_nodes() {
    let is_night = env::var_os("ROOST_NIGHTLY").is_some();
    compare_all("nodes", if is_night { SEEDS_AT_NIGHT } else { SEEDS });
}

#[test]
fn a_seed_is_all_that_counts_for_executors() {
    compare_all("executors", 20);
}

/// What a thread or a process remembers of one seed is nothing to the next one.
#[test]
fn a_seed_among_others_is_the_same() {
    let here = Place { folder: Path::new(env!("CARGO_MANIFEST_DIR")), padding: 0 };
    let seeds = format!("0..{IN_A_ROW}");
    for world in ["executors", "nodes"] {
        let row = here.run(&["run", "--world", world, "--seeds", &seeds, "--all"]);
        for (seed, line) in (0..IN_A_ROW).zip(row.lines()) {
            let alone = here.run(&["replay", "--world", world, "--seed", &seed.to_string()]);
            assert_eq!(alone.lines().next(), Some(line));
        }
    }
}

#[test]
fn where_traces_part_is_found() {
    assert_eq!(parted("a\nb", "a\nb"), None);
    assert_eq!(parted("a\nb", "a\nc\nd"), Some((Some("b"), Some("c"))));
    assert_eq!(parted("a", "a\nb"), Some((None, Some("b"))));
}

#[test]
fn other_seeds_are_other_worlds() {
    let here = Place { folder: Path::new(env!("CARGO_MANIFEST_DIR")), padding: 0 };
    let hash = |seed| here.run(&["replay", "--seed", seed]).split(' ').nth(4).unwrap().to_owned();
    assert_ne!(hash("1"), hash("2"));
}
