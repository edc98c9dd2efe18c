//! A seed is all that a simulation depends on. If this does not hold, nothing else here means much:
//! run it first.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::env;
use std::path::Path;
use std::process::Command;

fn line(seed: u64, folder: &Path, padding: usize) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.args(["smoke", "--seed", &seed.to_string()]);
    command.current_dir(folder).env("ROOST_PADDING", "x".repeat(padding));
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
fn a_seed_is_all_that_counts() {
    let elsewhere = env::temp_dir();
    for seed in 0..20 {
        let here = line(seed, Path::new(env!("CARGO_MANIFEST_DIR")), 0);
        assert!(here.starts_with(&format!("seed {seed} hash ")), "{here}");
        assert_eq!(here, line(seed, &elsewhere, 5_000 + usize::try_from(seed).unwrap()));
    }
}

#[test]
fn other_seeds_are_other_worlds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let hash = |seed| line(seed, folder, 0).split(' ').nth(3).unwrap().to_owned();
    assert_ne!(hash(1), hash(2));
}
