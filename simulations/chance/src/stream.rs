//! Streams of random numbers.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A stream of random numbers, by `SplitMix64`. A draw in one stream shifts no other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chance {
    state: u64,
}

/// How often something happens, in a million.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Odds(pub u32);

impl Odds {
    /// It never happens.
    pub const NEVER: Self = Self(0);
}

const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl Chance {
    /// The stream of a seed for a purpose.
    pub fn of(seed: u64, purpose: &str) -> Self {
        let mut stream = Self { state: seed };
        for byte in purpose.bytes() {
            stream.state = stream.draw() ^ u64::from(byte);
        }
        stream
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.draw()) * u128::from(end);
        u64::try_from(product >> 64).expect("below `end`")
    }

    /// A place in a list of this length, which is not zero.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("below `length`")
    }

    /// A number within a range.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (from, to) = range.into_inner();
        from + self.below(to - from + 1)
    }

    /// A number within a range, of any magnitude as likely as of any other.
    pub fn magnitude(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (from, to) = range.into_inner();
        let doublings = (to / from.max(1)).ilog2();
        let top = to.min(from.max(1) << self.below(u64::from(doublings) + 1));
        self.within(from..=(2 * top).min(to))
    }

    /// Some time, in microseconds.
    pub fn lasting(&mut self, micros: RangeInclusive<u64>) -> Duration {
        Duration::from_micros(self.within(micros))
    }

    /// Whether something happens.
    pub fn hits(&mut self, odds: Odds) -> bool {
        // Draws in any case: what follows does not depend on whether the odds are zero.
        self.below(1_000_000) < u64::from(odds.0)
    }

    /// Heads or tails.
    pub fn flips(&mut self) -> bool {
        self.hits(Odds(500_000))
    }

    /// Puts things in any order.
    pub fn shuffle<T>(&mut self, of: &mut [T]) {
        for last in (1..of.len()).rev() {
            of.swap(last, self.index(last + 1));
        }
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_seeds_have_streams_of_their_own() {
        let first = |seed, purpose| Chance::of(seed, purpose).draw();
        assert_eq!(first(1, "net"), first(1, "net"));
        assert_ne!(first(1, "net"), first(2, "net"));
        assert_ne!(first(1, "net"), first(1, "ten"));
    }

    #[test]
    fn ranges_are_kept_and_filled() {
        let mut chance = Chance::of(7, "test");
        let mut seen = [false; 4];
        for _ in 0..1_000 {
            seen[usize::try_from(chance.within(0..=3)).unwrap()] = true;
            assert!((5..=80).contains(&chance.magnitude(5..=80)));
            assert!(!chance.hits(Odds::NEVER));
            assert!(chance.hits(Odds(1_000_000)));
        }
        assert_eq!(seen, [true; 4]);
    }
}
