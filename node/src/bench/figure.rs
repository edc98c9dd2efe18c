//! What was measured.

use std::fmt;

use serde::Serialize;

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Which bench measured it.
    pub bench: &'static str,
    /// What it tells: `rate`, `p50_ms`, `p99_ms`, `p999_ms`, `errors`, `lost`, `duplicates`,
    /// `bytes_per_socket` and `cpu_us_per_op` mean the same in every bench that has them, and so does
    /// `stolen`: the time of this machine's cores that its host gave to others. What else one tells has a
    /// name of its own.
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

/// What stands above figures.
pub(super) fn heading() -> String {
    row(["bench", "metric", "value", "unit", "case"])
}

fn row([bench, metric, value, unit, case]: [&str; 5]) -> String {
    let line = format!("{bench:<12} {metric:<20} {value:>14} {unit:<14} {case}");
    line.trim_end().to_owned()
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bench, metric, value, unit, case } = self;
        f.write_str(&row([bench, metric, &format!("{value:.2}"), unit, case]))
    }
}

/// A count, as a figure has it.
#[expect(clippy::cast_precision_loss, reason = "a figure needs no more than 15 digits")]
pub(super) fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_a_table_and_programs_a_line_of_json() {
        let of_all = Figure::new("failover", "p99_ms", 840.0, "ms");
        let figure = Figure { case: "writes".to_owned(), ..of_all.clone() };
        let table = [heading(), figure.to_string(), of_all.to_string()];
        assert_eq!(
            table,
            [
                "bench        metric                        value unit           case",
                "failover     p99_ms                       840.00 ms             writes",
                "failover     p99_ms                       840.00 ms",
            ]
        );
        let line = serde_json::to_string(&of_all).unwrap();
        assert_eq!(line, r#"{"bench":"failover","metric":"p99_ms","value":840.0,"unit":"ms"}"#);
    }
}
