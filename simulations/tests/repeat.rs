//! A seed is all that a simulation depends on. If this does not hold, nothing else here means much:
//! run it first.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::env;
use std::path::Path;
use std::process::Command;

/// Seeds that are run twice.
const SEEDS: u64 = 50;

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
    let parted = first.lines().zip(second.lines()).find(|(first, second)| first != second);
    panic!("seed {seed} of `{world}` is not repeatable: {parted:#?}");
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
    compare_all("nodes", SEEDS);
}

#[test]
fn a_seed_is_all_that_counts_for_executors() {
    compare_all("executors", 20);
}

#[test]
fn other_seeds_are_other_worlds() {
    let here = Place { folder: Path::new(env!("CARGO_MANIFEST_DIR")), padding: 0 };
    let hash = |seed| here.run(&["replay", "--seed", seed]).split(' ').nth(4).unwrap().to_owned();
    assert_ne!(hash("1"), hash("2"));
}
