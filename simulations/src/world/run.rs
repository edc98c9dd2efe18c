//! A seed from its beginning to its report.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::cluster::{BEGINNING, Counts, Phase, World};
use super::plan::Plan;
use super::view::View;

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
    /// The first thing that was wrong.
    pub violation: Option<String>,
}

/// Runs a plan to its end.
pub fn run(plan: Plan, is_printed: bool) -> Report {
    let (seed, workloads) = (plan.seed, plan.workloads.clone());
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(plan, is_printed);
        world.live();
        report(&world)
    }));
    ran.unwrap_or_else(|panic| Report {
        seed,
        hash: "-".to_owned(),
        counts: Counts::default(),
        seconds: 0,
        workloads,
        violation: Some(format!("panic: {}", text(&*panic))),
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
        let unsettled = self.unsettled();
        if self.violation.is_none() && !unsettled.is_empty() {
            self.blame(&format!("it has not settled: {unsettled}"));
        }
        if self.violation.is_none() {
            debug_assert_eq!(self.phase, Phase::Calm, "everything calms down");
            self.check();
        }
    }

    fn check(&mut self) {
        for crew in &mut std::mem::take(&mut self.crews) {
            let checked = crew.workload.check(&mut View::of(self));
            self.judge(checked.map_err(|what| format!("{}: {what}", crew.name)));
        }
    }
}

fn report(world: &World) -> Report {
    Report {
        seed: world.plan.seed,
        hash: world.trace.to_string(),
        counts: world.counts,
        seconds: world.now.since(BEGINNING).as_secs(),
        workloads: world.plan.workloads.clone(),
        violation: world.violation.clone(),
    }
}

/// What a panic said.
pub fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, hash, counts, seconds, workloads, violation } = self;
        let Counts { events, calls, faults, unknown, lives, .. } = counts;
        let violations = u8::from(violation.is_some());
        write!(f, "seed {seed} hash {hash} events {events} commands {calls} unknown {unknown} ")?;
        write!(f, "lives {lives} virtual {seconds} s faults {faults} {} ", workloads.join("+"))?;
        write!(f, "violations {violations}")?;
        match violation {
            Some(what) => write!(f, ": {what}\n  repeat: cargo sim run --seed {seed} --trace"),
            None => Ok(()),
        }
    }
}
