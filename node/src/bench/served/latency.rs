//! How long things took.

use std::time::Duration;

/// Durations, of which shares are asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    /// One more.
    pub(super) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// All of both.
    pub(super) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// In order, to be asked for shares.
    pub(super) fn sorted(mut self) -> Sorted {
        self.0.sort_unstable();
        Sorted(self.0)
    }
}

/// Durations in order.
#[derive(Clone, Debug)]
pub(super) struct Sorted(Vec<Duration>);

impl Sorted {
    /// What so many of a thousand do not exceed, in milliseconds; 0 of none.
    pub(super) fn ms(&self, per_mille: usize) -> f64 {
        let at = (self.0.len() * per_mille).div_ceil(1_000).saturating_sub(1);
        self.0.get(at).map_or(0.0, |it| it.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_up() {
        let mut latencies = Latencies::default();
        (1..=200).for_each(|it| latencies.push(Duration::from_millis(it)));
        let sorted = latencies.sorted();
        let shares = [500, 990, 999, 1_000].map(|it| sorted.ms(it));
        assert!(
            shares.iter().zip([100.0, 198.0, 200.0, 200.0]).all(|(is, it)| (is - it).abs() < 1e-6)
        );
        assert!(Latencies::default().sorted().ms(990).abs() < 1e-6);
    }
}
