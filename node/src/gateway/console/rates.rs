//! How quickly what is counted grows.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// What was counted when somebody last looked, by what was counted.
#[derive(Debug)]
pub(super) struct Rates<K> {
    before: BTreeMap<K, (Instant, u64)>,
}

impl<K> Default for Rates<K> {
    fn default() -> Self {
        Self { before: BTreeMap::new() }
    }
}

impl<K: Ord> Rates<K> {
    /// By how much it has grown per second since the last look. None: this is the first one, or it was
    /// counted from 0 again.
    pub(super) fn look(&mut self, what: K, now: Instant, count: u64) -> Option<f64> {
        let (then, before) = self.before.insert(what, (now, count))?;
        per_second(count.checked_sub(before)?, now - then)
    }

    /// Forgets what nobody has looked at since.
    pub(super) fn forget(&mut self, since: Instant) {
        self.before.retain(|_, (then, _)| *then >= since);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 15 digits")]
fn per_second(count: u64, lasting: Duration) -> Option<f64> {
    let rate = count as f64 / lasting.as_secs_f64();
    // Tenths are enough for people.
    rate.is_finite().then(|| (rate * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_and_never_below_0() {
        let (mut rates, begun) = (Rates::default(), Instant::now());
        let at = |ms| begun + Duration::from_millis(ms);
        let cases = [
            (0, 100, None),
            (2_000, 103, Some(1.5)),
            (2_500, 103, Some(0.0)),
            (2_800, 104, Some(3.3)),
            (2_800, 105, None),
            (3_000, 4, None),
            (4_000, 6, Some(2.0)),
        ];
        for (ms, count, expected) in cases {
            assert_eq!(rates.look("a", at(ms), count), expected, "{ms}");
        }
        assert_eq!(rates.look("b", at(5_000), 7), None);
        rates.forget(at(5_000));
        assert_eq!(rates.before.keys().collect::<Vec<_>>(), [&"b"]);
    }
}
