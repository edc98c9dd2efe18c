//! What a few seeds find. The more of them, the better: `cargo sim run --seeds 0..100000 --jobs 2`.

use std::collections::BTreeSet;

use simulations::sweep::{Summary, seed};
use simulations::workloads::catalogue::NAMES;

/// Seeds that once found a defect, and which.
const REGRESSIONS: [(u64, &str); 2] = [
    (647, "a post of an author who lost followers overtook one that the fan-out still had"),
    (19_292, "an activation that lost the shard while loading took two moments for one state"),
];

#[test]
fn what_was_found_once_stays_mended() {
    for (number, defect) in REGRESSIONS {
        let report = seed(number, false);
        assert!(report.violation.is_none(), "{defect}: {report}");
    }
}

#[test]
fn nothing_is_wrong_in_sixty_seeds() {
    let mut summary = Summary::default();
    let mut workloads = BTreeSet::new();
    for number in 0..60 {
        let report = seed(number, false);
        assert!(report.violation.is_none(), "{report}");
        summary.add(&report);
        workloads.extend(report.workloads);
    }
    assert_eq!(workloads, BTreeSet::from(NAMES), "every workload has run");
    assert!(summary.faults > 5_000 && summary.unknown > 50 && summary.lives > 1_000, "{summary}");
}
