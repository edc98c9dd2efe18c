//! The service as the guide breaks it: a seed finds that.

/// The service, broken.
pub mod polls {
    include!(concat!(env!("OUT_DIR"), "/polls/mod.rs"));
}

// The files of the guide name things as they would in the places that they are for.
extern crate guide as actors;

#[path = "guide/workloads/mod.rs"]
pub mod workloads;

use actors::accounts;
use simulations::case::Look;
use simulations::workloads::catalogue::Guest;
use simulations::{chance, finding, world};

#[test]
fn what_the_guide_breaks_is_found() {
    let guest = Guest {
        name: "polls",
        register: |registry| {
            registry.add::<polls::Poll>();
            registry.add::<polls::Pollster>();
        },
        workload: |chance| Box::new(workloads::polls::Polling::new(chance)),
    };
    let plans = (0..20).map(|seed| world::plan::Plan::new(seed).of_guest(guest));
    let mut reports = plans.map(|plan| world::run::run(plan, Look::default()));
    let found = reports.find_map(|it| it.violation).expect("a seed finds it");
    assert!(found.to_string().contains("has voted in"), "{found}");
}
