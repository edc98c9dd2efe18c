//! What a few seeds with sockets find: those who are connected to whole nodes miss nothing.

use simulations::case::{Case, Look, Realm};
use simulations::nodes::plan::Plan;
use simulations::nodes::run::run;
use simulations::nodes::sockets::state::Counts;

/// Where cases go that find something.
const FOUND: &str = env!("CARGO_TARGET_TMPDIR");

/// Plans of the seeds that have sockets.
fn plans() -> impl Iterator<Item = Plan> {
    (20_000..).map(Plan::new).filter(|it| it.sockets.is_some())
}

#[test]
fn nothing_is_missed_in_a_few_seeds() {
    let mut all = Counts::default();
    for plan in plans().take(30) {
        let case = Case::new(Realm::Nodes, plan.seed);
        let report = run(plan, Look::default());
        assert!(report.violation.is_none(), "{report}\n  repeat: {}", case.repeat(FOUND));
        all.add(&report.sockets.unwrap_or_default());
    }
    let Counts { connections, pushed, recovered, gaps, lies, looks, silent, slow, stopped } = all;
    assert!(connections > 300 && pushed > 1_000 && recovered > 300, "{all:?}");
    let rare = [gaps, lies, looks, silent, slow, stopped];
    assert!(rare.into_iter().all(|it| it > 5), "{all:?}");
}
