//! The command line of `chaos`.

use std::process::{Command, Output};

fn chaos(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chaos")).args(arguments).output().expect("it starts")
}

#[test]
fn all_faults_are_listed_with_what_they_do() {
    let output = chaos(&["list"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("it is UTF-8");
    for fault in chaos::faults::FAULTS {
        let is_told = |it: &str| it.starts_with(fault.name) && it.contains(fault.about);
        assert!(said.lines().any(is_told), "{}: {said}", fault.name);
    }
}

#[test]
fn what_there_is_not_is_refused() {
    let output = chaos(&["run", "--fault", "kill,flood"]);
    let said = String::from_utf8(output.stderr).expect("it is UTF-8");
    assert!(!output.status.success() && said.contains("there is no fault flood"), "{said}");
}
