//! One seed after another.

use std::fmt;
use std::ops::Range;

use crate::case::Look;
use crate::world::plan::Plan;
use crate::world::run::{Report, run};
use crate::world::sabotage::Sabotage;

/// Runs one seed.
pub fn seed(seed: u64) -> Report {
    run(Plan::new(seed), Look::default())
}

/// The first seed that finds what is broken on purpose.
pub fn first_to_find(sabotage: Sabotage, seeds: Range<u64>) -> Option<Report> {
    let mut reports = seeds.map(|seed| run(Plan { sabotage, ..Plan::new(seed) }, Look::default()));
    reports.find(|report| report.violation.is_some())
}

/// What came of many seeds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Seeds run.
    pub seeds: u64,
    /// Commands and queries of clients.
    pub calls: u64,
    /// Those of which nobody knows whether they had an effect.
    pub unknown: u64,
    /// Faults.
    pub faults: u64,
    /// Executors that took a shard.
    pub lives: u64,
    /// Seeds that found something.
    pub violations: u64,
}

impl Summary {
    /// Counts a seed.
    pub fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.calls += report.counts.calls;
        self.unknown += report.counts.unknown;
        self.faults += report.counts.faults;
        self.lives += report.counts.lives;
        self.violations += u64::from(report.violation.is_some());
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, calls, unknown, faults, lives, violations } = self;
        write!(f, "seeds {seeds} commands {calls} unknown {unknown} faults {faults} ")?;
        write!(f, "lives {lives} violations {violations}")
    }
}
