//! Nothing that a simulation can move is in the program that ships.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

/// What a package is built with, and with which features.
fn tree(package: &str) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--offline", "--locked", "--prefix", "none"]);
    command.args(["--edges", "normal,build,features", "--package", package]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn only_simulations_are_built_with_what_they_move() {
    const MOVED: &str = "probe feature \"simulated\"";
    let (node, simulations) = (tree("node"), tree("simulations"));
    assert!(node.contains("probe v") && !node.contains(MOVED), "{node}");
    assert!(simulations.contains(MOVED), "this test looks for what is never there");
}
