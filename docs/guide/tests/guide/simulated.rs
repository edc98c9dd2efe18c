//! The workload of the guide, in worlds where everything goes wrong.

use entity::registry::Registry;
use guide::polls::{Poll, Pollster};
use simulations::case::Look;
use simulations::workloads::Workload;
use simulations::workloads::catalogue::Guest;
use simulations::{nodes, world};

use crate::chance::Chance;
use crate::workloads::polls::Polling;

/// Seeds of executors, and of whole nodes.
const SEEDS: (u64, u64) = (60, 12);

const GUEST: Guest = Guest { name: "polls", register, workload };

fn register(registry: &mut Registry) {
    registry.add::<Poll>();
    registry.add::<Pollster>();
}

fn workload(chance: &mut Chance) -> Box<dyn Workload> {
    Box::new(Polling::new(chance))
}

#[test]
fn nothing_is_wrong_among_executors() {
    let (mut faults, mut unknown) = (0, 0);
    for seed in 0..SEEDS.0 {
        let report = world::run::run(world::plan::Plan::new(seed).of_guest(GUEST), Look::default());
        assert!(report.violation.is_none(), "{report}");
        faults += report.counts.faults;
        unknown += report.counts.unknown;
    }
    assert!(faults > 1_000 && unknown > 20, "{faults} {unknown}");
}

#[test]
fn nothing_is_wrong_among_nodes() {
    let mut faults = 0;
    for seed in 0..SEEDS.1 {
        let report = nodes::run::run(nodes::plan::Plan::new(seed).of_guest(GUEST), Look::default());
        assert!(report.violation.is_none(), "{report}");
        faults += report.faults;
    }
    assert!(faults > 50, "{faults}");
}
