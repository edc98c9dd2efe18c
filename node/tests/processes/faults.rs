//! What goes wrong on machines, with whole processes under load: some of the faults of `chaos`.

use std::env::current_exe;
use std::io::{Write as _, stderr};
use std::path::PathBuf;
use std::time::Duration;

use chaos::faults::FAULTS;
use chaos::run::{Plan, run};
use chaos::wires;
use tokio::sync::watch;

#[test]
fn whose_clock_is_wrong_leads_nothing_and_calls_no_election() {
    happens("clock");
}

#[test]
fn a_disk_that_fails_ends_a_node_and_nothing_else() {
    happens("fsync");
}

#[test]
fn strangers_are_refused_and_named_and_cost_little() {
    happens("strangers");
}

#[test]
fn disks_that_are_full_refuse_and_lose_nothing() {
    happens_between_wires("full", "faults::disks_are_full");
}

#[test]
#[ignore = "a part of another test"]
fn disks_are_full() {
    happens("full");
}

#[test]
fn nodes_that_are_cut_off_lose_nothing_and_say_nothing_that_is_old() {
    happens_between_wires("cut", "faults::nodes_are_cut_off");
}

#[test]
#[ignore = "a part of another test"]
fn nodes_are_cut_off() {
    happens("cut");
}

/// Has a fault happen to a cluster, and checks what is left.
fn happens(name: &str) {
    let fault = FAULTS.iter().find(|it| it.name == name).expect("there is such a fault");
    let plan = Plan {
        roost: env!("CARGO_BIN_EXE_roost").into(),
        folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("faults"),
        faults: vec![fault],
        lasting: Duration::ZERO,
        seed: std::process::id().into(),
    };
    let (_stop, stopped) = watch::channel(false);
    let report = run(&plan, &stopped, &mut |_| ()).expect("the machine plays its part");
    for (fault, why) in report.skipped() {
        writeln!(stderr(), "SKIP {fault}: {why}").ok();
    }
    eprintln!("{report}");
    assert_eq!(report.violations().count(), 0, "{report}");
}

/// Runs a test between wires, where a fault can happen that it lets happen.
fn happens_between_wires(fault: &str, test: &str) {
    if let Err(why) = wires::possible() {
        writeln!(stderr(), "SKIP {fault}: {why}").ok();
        return;
    }
    let arguments = ["--ignored", "--exact", test, "--nocapture"].map(Into::into);
    let output = wires::run(&current_exe().expect("it runs"), &arguments).expect("it starts");
    let [said, errors] =
        [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(output.status.success() && said.contains("running 1 test"), "{said}\n{errors}");
    eprintln!("{errors}");
}
