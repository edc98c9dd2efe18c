//! What was measured.

use std::fmt;

use serde::Serialize;

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Which bench measured it.
    pub bench: &'static str,
    /// What it tells, `rate` or `cpu_us_per_op` for instance.
    pub metric: &'static str,
    /// How much.
    pub value: f64,
    /// In what unit.
    pub unit: &'static str,
    /// Of which of several cases; empty if there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub case: String,
}

impl Figure {
    /// A figure of the only case.
    pub fn new(bench: &'static str, metric: &'static str, value: f64, unit: &'static str) -> Self {
        Self { bench, metric, value, unit, case: String::new() }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bench, metric, value, unit, case } = self;
        let line = format!("{bench:<12} {metric:<20} {value:>14.2} {unit:<14} {case}");
        f.write_str(line.trim_end())
    }
}

/// A count, as a figure has it.
#[expect(clippy::cast_precision_loss, reason = "a figure needs no more than 15 digits")]
pub(super) fn as_float(number: u64) -> f64 {
    number as f64
}
