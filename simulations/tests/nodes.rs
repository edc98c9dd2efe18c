//! What a few seeds of whole nodes find: `cargo sim run --world nodes --minutes 10 --jobs 2` finds more.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use cluster::executor::Knobs;
use simulations::case::{Case, Look, Realm};
use simulations::nodes::plan::Plan;
use simulations::nodes::run::run;
use simulations::scenario::Scenario;
use simulations::workloads::catalogue::NAMES;

/// How long a call may take while shards move: a fsync or two, an election, and the pauses of whoever asks.
const MOVED_MAX: Duration = Duration::from_millis(100);

/// The same where a node ends right behind another one: a leader waits for a member that then cannot take over.
const ENDED_MAX: Duration = Duration::from_millis(500);

/// How long things go wrong in each seed.
const LASTING: Duration = Duration::from_mins(1);

/// Where cases go that find something.
const FOUND: &str = env!("CARGO_TARGET_TMPDIR");

#[test]
fn nothing_is_wrong_in_some_seeds() {
    nothing_is_wrong_in(1_000..1_075);
}

#[test]
fn nothing_is_wrong_in_some_more() {
    nothing_is_wrong_in(1_075..1_150);
}

fn nothing_is_wrong_in(seeds: Range<u64>) {
    let count = seeds.end - seeds.start;
    let (mut kills, mut faults, mut unknown) = (0, 0, 0);
    let (mut nodes, mut copies, mut workloads) =
        <(BTreeSet<_>, BTreeSet<_>, BTreeSet<_>)>::default();
    for number in seeds {
        let lasting = u64::try_from(LASTING.as_millis()).ok();
        let scenario = Scenario { lasting, ..Scenario::default() };
        let report = run(Plan::of(number, &scenario), Look::default());
        let case = Case { scenario, ..Case::new(Realm::Nodes, number) };
        assert!(report.violation.is_none(), "{report}\n  repeat: {}", case.repeat(FOUND));
        kills += report.kills;
        faults += report.faults;
        unknown += report.unknown;
        assert!(report.seconds >= LASTING.as_secs(), "{report}");
        nodes.insert(report.shape.0);
        copies.insert(report.shape.2);
        workloads.extend(report.workloads);
    }
    assert!(kills > count && faults > 10 * count && unknown > 10, "{kills} {faults} {unknown}");
    assert_eq!(nodes, (1..=7).collect());
    assert_eq!(copies, BTreeSet::from([1, 3, 5]));
    // What only sleeps for a minute is left to the other world.
    let expected = NAMES.into_iter().filter(|it| *it != "wakes").chain(["sockets"]);
    assert_eq!(workloads, expected.collect(), "every workload has run");
}

/// Nodes are to hold nothing any more, or their share again: leaders hand over what they lead, and nobody is
/// to wait long for it.
#[test]
fn shards_that_move_as_planned_keep_nobody_waiting() {
    let scenario = calm(&["weigh"]);
    for number in 0..4 {
        let plan = Plan::usual(number, &scenario);
        let report = run(Plan { knobs: Knobs::default(), ..plan }, Look::default());
        assert!(report.violation.is_none() && report.faults > 3, "{report}");
        assert!(report.unknown == 0 && report.slowest < MOVED_MAX, "{:?} {report}", report.slowest);
    }
}

/// Nodes end and come back, and are told before: nobody waits for an election.
#[test]
fn nodes_that_end_as_planned_keep_nobody_waiting() {
    let mut late = Vec::new();
    for number in 0..24 {
        let plan = Plan::usual(number, &calm(&["kill", "announced"]));
        let faults = plan.faults.clone().announcing();
        let report = run(Plan { faults, knobs: Knobs::default(), ..plan }, Look::default());
        assert!(report.violation.is_none() && report.kills > 1, "{report}");
        assert!(report.unknown == 0 && report.slowest < ENDED_MAX, "{:?} {report}", report.slowest);
        late.extend((report.slowest > MOVED_MAX).then_some(number));
    }
    // Of the first 60 seeds none was: whoever just misses the limit is no trend.
    assert!(late.len() <= 1, "{late:?}");
}

/// Nothing but these faults, and nothing of the program moved.
fn calm(faults: &[&str]) -> Scenario {
    Scenario {
        faults: Some(faults.iter().map(|it| (*it).to_owned()).collect()),
        points: Some(BTreeSet::new()),
        knobs: Some(BTreeSet::new()),
        ..Scenario::default()
    }
}
