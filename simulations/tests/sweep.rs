//! What a few seeds find. The more of them, the better: `cargo sim run --seeds 0..100000 --jobs 2`.

use std::collections::BTreeSet;

use simulations::sweep::{Summary, seed};
use simulations::workloads::catalogue::NAMES;

#[test]
fn nothing_is_wrong_in_sixty_seeds() {
    let mut summary = Summary::default();
    let mut workloads = BTreeSet::new();
    for number in 0..60 {
        let report = seed(number);
        assert!(report.violation.is_none(), "{report}");
        summary.add(&report);
        workloads.extend(report.workloads);
    }
    assert_eq!(workloads, BTreeSet::from(NAMES), "every workload has run");
    assert!(summary.faults > 5_000 && summary.unknown > 50 && summary.lives > 1_000, "{summary}");
}
