//! A seed from its beginning to its report.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use probe::{Seen, setting};

use super::cluster::{BEGINNING, Counts, Phase, World};
use super::plan::Plan;
use super::view::View;
use crate::case::Look;
use crate::finding::{Finding, Oracle};
use crate::timeline::Timeline;

/// What came of a seed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The hash over everything that happened; without one when it panicked.
    pub hash: String,
    /// How much happened.
    pub counts: Counts,
    /// How long it took, in seconds of virtual time.
    pub seconds: u64,
    /// Which workloads ran.
    pub workloads: Vec<&'static str>,
    /// How many faults of each class came up.
    pub events: BTreeMap<&'static str, u64>,
    /// What was seen of the program.
    pub seen: Seen,
    /// What happened when, if that was kept.
    pub timeline: Timeline,
    /// The first thing that was wrong.
    pub violation: Option<Finding>,
}

/// Runs a plan to its end.
pub fn run(plan: Plan, look: Look) -> Report {
    let (seed, workloads) = (plan.seed, plan.workloads.clone());
    let _in_force = plan.setting.enforce();
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(plan, look);
        world.live();
        report(&world)
    }));
    ran.unwrap_or_else(|panic| Report {
        seed,
        hash: "-".to_owned(),
        counts: Counts::default(),
        seconds: 0,
        workloads,
        events: BTreeMap::new(),
        seen: setting::seen(),
        timeline: Timeline::default(),
        violation: Some(Oracle::Panic.finds(text(&*panic))),
    })
}

impl World {
    fn live(&mut self) {
        for crew in 0..self.crews.len() {
            for call in self.crews[crew].ground() {
                self.call(crew, None, call);
            }
        }
        self.run();
        if self.violation.is_none() {
            self.begin_faults();
            self.run();
        }
        if self.is_stopped {
            return;
        }
        let unsettled = self.unsettled();
        if self.violation.is_none() && !unsettled.is_empty() {
            self.blame(Oracle::Settling.finds(format!("it has not settled: {unsettled}")));
        }
        if self.violation.is_none() {
            debug_assert_eq!(self.phase, Phase::Calm, "everything calms down");
            self.check();
        }
    }

    fn check(&mut self) {
        for crew in &mut std::mem::take(&mut self.crews) {
            let checked = crew.workload.check(&mut View::of(self));
            self.judge(checked.map_err(|what| Oracle::Workload(crew.name).finds(what)));
        }
    }
}

fn report(world: &World) -> Report {
    let seen = setting::seen();
    let overfull = seen.overfull.as_ref().map(|it| Oracle::Bounds.finds(it.as_str()));
    Report {
        seed: world.plan.seed,
        hash: world.trace.to_string(),
        counts: world.counts,
        seconds: world.now.since(BEGINNING).as_secs(),
        workloads: world.plan.workloads.clone(),
        events: world.events.clone(),
        seen,
        timeline: world.timeline.clone().unwrap_or_default(),
        violation: world.violation.clone().or(overfull),
    }
}

/// What a panic said.
pub fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

impl Report {
    /// How much of what happened.
    pub fn sums(&self) -> Vec<(&'static str, u64)> {
        let Counts { events, calls, faults, unknown, lives, senders } = self.counts;
        vec![
            ("seconds", self.seconds),
            ("events", events),
            ("commands", calls),
            ("unknown", unknown),
            ("faults", faults),
            ("lives", lives),
            ("gateways", senders),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, hash, counts, seconds, workloads, violation, .. } = self;
        let Counts { events, calls, faults, unknown, lives, .. } = counts;
        let violations = u8::from(violation.is_some());
        write!(f, "seed {seed} hash {hash} events {events} commands {calls} unknown {unknown} ")?;
        write!(f, "lives {lives} virtual {seconds} s faults {faults} {} ", workloads.join("+"))?;
        write!(f, "violations {violations}")?;
        match violation {
            Some(what) => write!(f, ": {what}"),
            None => Ok(()),
        }
    }
}
