//! What is broken on purpose is found: checks that cannot fail would be worth nothing.

use std::process::Command;

use simulations::mutants::list::GAMES;
use simulations::sweep::first_to_find;
use simulations::world::sabotage::Sabotage;

#[test]
fn every_sabotage_is_found_within_three_hundred_seeds() {
    for sabotage in Sabotage::ALL {
        let found = first_to_find(sabotage, 0..300);
        assert!(found.is_some(), "{sabotage:?} was not found");
    }
}

#[test]
fn every_mutant_is_found_by_whoever_should() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    let output = command.args(["mutants", "--jobs", "2"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    let count = GAMES.len();
    assert!(table.ends_with(&format!("killed {count}/{count}\n")), "{table}");
}
