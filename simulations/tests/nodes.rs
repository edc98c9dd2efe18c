//! What a few seeds of whole nodes find: `cargo sim smoke --seeds 0..100000 --jobs 2` finds more.

use std::collections::BTreeSet;

use cluster::mutant::Mutant;
use simulations::nodes::plan::Plan;
use simulations::nodes::run::run;

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
    assert_eq!(workloads.len(), 7, "{workloads:?}");
}

#[test]
fn every_mutant_is_found_within_three_hundred_seeds() {
    for mutant in Mutant::ALL {
        let mut reports = (0..300).map(|seed| run(Plan::new(seed).with(mutant), false));
        let found = reports.find(|report| report.violation.is_some());
        assert!(found.is_some(), "{mutant:?} was not found");
    }
}
