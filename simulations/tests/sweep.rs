//! What a few seeds find. The more of them, the better: `cargo sim run --seeds 0..100000 --jobs 2`.

use std::collections::BTreeSet;

use simulations::case::{Case, Realm};
use simulations::sweep::{Summary, seed};
use simulations::workloads::catalogue::NAMES;

/// Where cases go that find something.
const FOUND: &str = env!("CARGO_TARGET_TMPDIR");

#[test]
fn nothing_is_wrong_in_sixty_seeds() {
    let mut summary = Summary::default();
    let mut workloads = BTreeSet::new();
    for number in 0..60 {
        let report = seed(number);
        let case = Case::new(Realm::Executors, number);
        assert!(report.violation.is_none(), "{report}\n  repeat: {}", case.repeat(FOUND));
        summary.add(&report);
        workloads.extend(report.workloads);
    }
    assert_eq!(workloads, BTreeSet::from(NAMES), "every workload has run");
    assert!(summary.faults > 5_000 && summary.unknown > 50 && summary.lives > 1_000, "{summary}");
}
