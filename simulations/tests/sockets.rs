//! What a few seeds with sockets find: those who are connected to whole nodes miss nothing.

use cluster::mutant::Mutant;
use simulations::nodes::plan::Plan;
use simulations::nodes::run::run;
use simulations::nodes::sockets::state::Counts;

/// Plans of the seeds that have sockets.
fn plans() -> impl Iterator<Item = Plan> {
    (20_000..).map(Plan::new).filter(|it| it.sockets.is_some())
}

#[test]
fn nothing_is_missed_in_a_few_seeds() {
    let mut all = Counts::default();
    for plan in plans().take(30) {
        let report = run(plan, false);
        assert!(report.violation.is_none(), "{report}");
        all.add(&report.sockets.unwrap_or_default());
    }
    let Counts { connections, pushed, recovered, gaps, lies, looks, silent, slow, stopped } = all;
    assert!(connections > 300 && pushed > 1_000 && recovered > 300, "{all:?}");
    let rare = [gaps, lies, looks, silent, slow, stopped];
    assert!(rare.into_iter().all(|it| it > 5), "{all:?}");
}

#[test]
fn whatever_is_broken_is_found_within_a_hundred_seeds() {
    for mutant in [Mutant::RecoverySkipped, Mutant::RecoveryDoubled] {
        let mut reports = plans().take(100).map(|plan| run(plan.with(mutant), false));
        let found = reports.find(|it| it.violation.is_some());
        let what = found.and_then(|it| it.violation);
        assert!(what.is_some_and(|it| it.starts_with("device")), "{mutant:?} was not found");
    }
}
