//! What a few seeds of whole nodes find: `cargo sim smoke --seeds 0..100000 --jobs 2` finds more.

use std::collections::BTreeSet;
use std::time::Duration;

use cluster::executor::Knobs;
use cluster::mutant::Mutant;
use simulations::chance::Odds;
use simulations::nodes::plan::{Faults, Plan};
use simulations::nodes::run::run;

/// How long a call may take while shards move: a fsync or two, an election, and the pauses of whoever asks.
const MOVED_MAX: Duration = Duration::from_millis(100);

/// Seeds that once found a defect, and which.
const REGRESSIONS: [(u64, &str); 1] = [(
    5_500_965,
    "a copy whose rows a crash took away, and that was to leave, did not go on with its log",
)];

#[test]
fn what_was_found_once_stays_mended() {
    for (number, defect) in REGRESSIONS {
        let report = run(Plan::new(number), false);
        assert!(report.violation.is_none(), "{defect}: {report}");
    }
}

#[test]
fn nothing_is_wrong_in_a_few_seeds() {
    let (mut kills, mut faults, mut unknown) = (0, 0, 0);
    let (mut shapes, mut workloads) = (BTreeSet::new(), BTreeSet::new());
    for number in 1_000..1_040 {
        let report = run(Plan::new(number), false);
        assert!(report.violation.is_none(), "{report}");
        kills += report.kills;
        faults += report.faults;
        unknown += report.unknown;
        shapes.insert(report.shape.0);
        workloads.extend(report.workloads);
    }
    assert!(kills > 30 && faults > 300 && unknown > 5, "{kills} {faults} {unknown}");
    assert_eq!(shapes, BTreeSet::from([1, 2, 3, 4, 5]));
    assert_eq!(workloads.len(), 8, "{workloads:?}");
}

/// Nodes are to hold nothing any more, or their share again: leaders hand over what they lead, and nobody is
/// to wait long for it.
#[test]
fn shards_that_move_as_planned_keep_nobody_waiting() {
    for number in 0..4 {
        let plan = Plan::usual(number);
        let faults = Faults { weigh: Some(Duration::from_secs(5)), ..plan.faults.calm() };
        let report = run(Plan { faults, knobs: Knobs::default(), ..plan }, false);
        assert!(report.violation.is_none() && report.faults > 3, "{report}");
        assert!(report.unknown == 0 && report.slowest < MOVED_MAX, "{:?} {report}", report.slowest);
    }
}

/// Nodes end and come back, and are told before: nobody waits for an election.
#[test]
fn nodes_that_end_as_planned_keep_nobody_waiting() {
    for number in 0..4 {
        let plan = Plan::usual(number);
        let (kill, announced) = (Some(Duration::from_secs(5)), Odds(1_000_000));
        let faults = Faults { kill, announced, ..plan.faults.calm() };
        let report = run(Plan { faults, knobs: Knobs::default(), ..plan }, false);
        assert!(report.violation.is_none() && report.kills > 3, "{report}");
        assert!(report.unknown == 0 && report.slowest < MOVED_MAX, "{:?} {report}", report.slowest);
    }
}

/// By what clients were told, and by nothing else.
#[test]
fn a_stale_answer_is_found_within_a_hundred_seeds() {
    let lasting = Duration::from_secs(30);
    let plan =
        |seed| Plan { workloads: vec!["register"], calls_max: 200, lasting, ..Plan::new(seed) };
    let stale = |seed| run(plan(seed).with(Mutant::BarrierSkipped), false);
    let found = (0..100).map(stale).find(|report| report.violation.is_some());
    let found = found.expect("it is found");
    let why = found.violation.clone().unwrap_or_default();
    assert!(why.starts_with("register: register ") && why.contains("no order"), "{why}");
    assert_eq!(stale(found.seed), found, "it is found again");
    let sound = run(plan(found.seed), false);
    assert!(sound.violation.is_none(), "{sound}");
}

#[test]
fn every_mutant_is_found_within_three_hundred_seeds() {
    for mutant in Mutant::ALL {
        let mut reports = (0..300).map(|seed| run(Plan::new(seed).with(mutant), false));
        let found = reports.find(|report| report.violation.is_some());
        assert!(found.is_some(), "{mutant:?} was not found");
    }
}
