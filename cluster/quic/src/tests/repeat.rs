//! A seed is all that a simulation depends on.

use std::env::{current_exe, temp_dir};
use std::io::Write;
use std::process::Command;

use super::storm::storm;

/// Seeds that are run twice: others than those of the storms that are run once.
const SEEDS: std::ops::Range<u64> = 100..104;

/// What the other process runs.
const TELLER: &str = "tests::repeat::tells_what_happens";

/// What is left out: whether a packet under keys that nobody has looks like one, until it is opened, is a
/// matter of bits that TLS draws from the system.
const REFUSED: &str = "a connection is refused";

/// What happens in another process: with another environment, so that its memory lies elsewhere.
fn elsewhere(padding: usize) -> Vec<String> {
    let mut command = Command::new(current_exe().expect("a test has a file"));
    command.args(["--exact", TELLER, "--ignored", "--nocapture"]);
    command.current_dir(temp_dir()).env("ROOST_PADDING", "x".repeat(padding));
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).expect("it is text");
    lines.lines().filter(|line| line.starts_with("seed ")).map(str::to_owned).collect()
}

#[test]
fn a_seed_is_all_that_counts() {
    let (here, there) = (elsewhere(0), elsewhere(5_000));
    assert!(here.len() > 10_000, "{} lines", here.len());
    let parted = here.iter().zip(&there).find(|(here, there)| here != there);
    assert_eq!(parted, None, "it is not repeatable");
    assert_eq!(here.len(), there.len());
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn tells_what_happens() {
    let mut out = std::io::stdout().lock();
    for seed in SEEDS {
        for line in storm(seed).lines() {
            if !line.contains(REFUSED) {
                writeln!(out, "seed {seed} {line}").expect("somebody listens");
            }
        }
    }
}
