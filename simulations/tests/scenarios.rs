//! What was found once stays mended, and each scenario holds for a few seeds: `cargo sim run --scenario
//! FILE` runs more of them.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;

use simulations::case::{Case, Realm};
use simulations::regressions;
use simulations::scenario::Scenario;
use simulations::{nodes, workloads, world};

/// Where cases go that find something.
const FOUND: &str = env!("CARGO_TARGET_TMPDIR");

/// Seeds of each scenario.
const SEEDS: u64 = 6;

#[test]
fn what_was_found_once_stays_mended() {
    for regression in regressions::read().unwrap() {
        let what = regression.what.clone().unwrap();
        let realm = Realm::of(regression.world.as_deref().unwrap()).unwrap();
        let seed = regression.seed.unwrap();
        let case = Case { scenario: regression, ..Case::new(realm, seed) };
        let ran = case.run();
        let line = ran.line;
        assert!(ran.finding.is_none(), "{what}: {line}\n  repeat: {}", case.repeat(FOUND));
    }
}

/// Every scenario, by its name.
fn scenarios() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let paths = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let is_scenario = |it: &&std::path::PathBuf| {
        !["mutants.toml", "regressions.toml"].iter().any(|name| it.ends_with(name))
    };
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    let read = |it: &std::path::PathBuf| (it.display().to_string(), Scenario::read(it).unwrap());
    paths.iter().filter(is_scenario).map(read).collect()
}

#[test]
fn every_scenario_holds() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 5);
    for (name, scenario) in scenarios {
        let realm = Realm::of(scenario.world.as_deref().unwrap()).unwrap();
        for seed in 0..SEEDS {
            let case = Case { scenario: scenario.clone(), ..Case::new(realm, seed) };
            let ran = case.run();
            let line = ran.line;
            assert!(ran.finding.is_none(), "{name}: {line}\n  repeat: {}", case.repeat(FOUND));
        }
    }
}

/// Whoever makes a failure smaller begins with all that the seed says, written out.
#[test]
fn a_seed_that_is_written_out_is_the_same_world() {
    for realm in Realm::ALL {
        for seed in 20_000..20_006 {
            let case = Case::new(realm, seed);
            assert_eq!(case.explicit().run().line, case.run().line);
        }
    }
}

#[test]
fn scenarios_name_what_there_is() {
    let of_nodes = nodes::faults::Class::ALL.iter().map(|it| it.name());
    let of_nodes: Vec<_> = of_nodes.chain(nodes::sockets::plan::CLASSES).collect();
    for (name, scenario) in scenarios() {
        let is_known = |it: &String| match scenario.world.as_deref() {
            Some("nodes") => of_nodes.contains(&it.as_str()),
            _ => world::plan::CLASSES.contains(&it.as_str()),
        };
        assert!(scenario.what.is_some(), "{name} says nothing");
        assert!(scenario.faults.unwrap().iter().all(is_known), "{name}: faults");
        let known = workloads::catalogue::NAMES.iter().chain(&[nodes::plan::SOCKETS]);
        let mut workloads = scenario.workloads.unwrap().into_iter();
        assert!(workloads.all(|it| known.clone().any(|known| *known == it)), "{name}: workloads");
    }
}
