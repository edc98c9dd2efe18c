//! What is done with a failure: it is run again up to a moment, drawn, and made smaller.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use simulations::case::{Case, Realm};
use simulations::mutants::kept;
use simulations::mutants::list::GAMES;
use simulations::scenario::Scenario;

/// How long a failure is made smaller, in seconds.
const SHRUNK_SECONDS: &str = "20";

/// A seed of executors that fails with a mutant.
fn case() -> Case {
    let game = GAMES.iter().find(|it| it.realm == Realm::Executors).unwrap();
    let seed = kept::read().unwrap()[&format!("{:?}", game.mutant)];
    Case { mutant: Some(game.mutant), ..Case::new(Realm::Executors, seed) }
}

/// The same, as the command line takes it.
fn failing() -> Vec<String> {
    let Case { seed, mutant, .. } = case();
    let (seed, name) = (seed.to_string(), format!("{:?}", mutant.unwrap()));
    let words = ["--world", "executors", "--seed", &seed, "--mutant", &name];
    words.map(str::to_owned).to_vec()
}

fn sim(command: &str, arguments: &[String], others: &[&str]) -> Output {
    let mut sim = Command::new(env!("CARGO_BIN_EXE_sim"));
    sim.arg(command).args(arguments).args(others).output().unwrap()
}

/// What it said, if it found a failure and is wrong with nothing else.
fn found(output: Output) -> String {
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}{errors}");
    said
}

/// Who noticed.
fn oracle(said: &str) -> &str {
    let line = said.lines().find(|it| it.contains("violations 1: ")).expect(said);
    line.split_once("violations 1: ").and_then(|(_, it)| it.split(':').next()).unwrap()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn a_replay_ends_where_it_is_told_to() {
    let failing = failing();
    let trace = found(sim("replay", &failing, &["--trace"]));
    let second = |it: &str| it.split('T').nth(1).unwrap()[..8].to_owned();
    let times: Vec<_> = trace.lines().filter(|it| it.starts_with("20")).map(second).collect();
    let until = times.iter().find(|it| it.ends_with(":02")).expect("it lasts for two seconds");
    let output = sim("replay", &failing, &["--trace", "--until", "2"]);
    let cut = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{cut}");
    let cut: Vec<_> = cut.lines().filter(|it| it.starts_with("20")).collect();
    let whole: Vec<_> = trace.lines().take(cut.len()).collect();
    assert_eq!(cut, whole, "it is the beginning of the same history");
    assert!(!cut.is_empty() && cut.iter().all(|it| second(it) <= *until), "{:?}", cut.last());
}

#[test]
fn the_line_that_is_printed_repeats_it() {
    let (case, lasting) = (case(), Some(60_000));
    let scenario = Scenario { lasting, ..Scenario::default() };
    for case in [case.clone(), Case { scenario, ..case }] {
        let line = case.repeat(env!("CARGO_TARGET_TMPDIR"));
        let words = line.strip_prefix("cargo sim replay ").unwrap().split(' ');
        let words: Vec<_> = words.filter(|it| *it != "--trace").map(str::to_owned).collect();
        assert_eq!(found(sim("replay", &words, &[])).trim(), case.run().line);
    }
}

#[test]
fn a_failure_is_drawn() {
    let page = file("failure.html");
    let drawn = page.display().to_string();
    let said = found(sim("replay", &failing(), &["--visual", &drawn]));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg"), "{page:.200}");
    for drawn in ["shard 0", "executor 1", oracle(&said)] {
        assert!(page.contains(drawn), "{drawn} is not on the page");
    }
}

#[test]
fn nodes_leaders_and_faults_are_drawn() {
    let page = file("nodes.html");
    let drawn = page.display().to_string();
    let power = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/power.toml");
    let seed = ["--seed", "0", "--scenario", power].map(str::to_owned);
    let output = sim("replay", &seed, &["--visual", &drawn]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let page = fs::read_to_string(page).unwrap();
    for drawn in ["n1", "class=alive", "class=leads", "shard 0 term", "class=fault"] {
        assert!(page.contains(drawn), "{drawn} is not on the page");
    }
}

#[test]
fn a_failure_gets_smaller_and_stays_the_same() {
    let (failing, to) = (failing(), file("shrunk.toml"));
    let to = to.display().to_string();
    let before = found(sim("replay", &failing, &["--trace"]));
    let output = sim("shrink", &failing, &["--seconds", SHRUNK_SECONDS, "--to", &to]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains(&format!("--scenario {to}")), "{said}");
    let after = found(sim("replay", &[], &["--scenario", &to, "--trace"]));
    assert_eq!(oracle(&after), oracle(&before));
    let (small, large) = (after.lines().count(), before.lines().count());
    assert!(small < large, "{small} lines of {large}");
}

#[test]
fn nothing_is_drawn_smaller_that_does_not_fail() {
    let to = file("unused.toml");
    let arguments = ["--world", "executors", "--seed", "0"].map(str::to_owned);
    let output = sim("shrink", &arguments, &["--to", &to.display().to_string()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("nothing is wrong"), "{said}");
    assert!(!to.exists());
}
