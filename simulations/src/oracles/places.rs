//! Sets of operations.

/// Most operations that a set can hold.
pub(super) const PLACES_MAX: usize = 256;

/// A set of operations, by their places.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Places([u64; PLACES_MAX / 64]);

impl Places {
    pub(super) fn contains(&self, place: usize) -> bool {
        self.0[place / 64] & bit(place) != 0
    }

    #[must_use]
    pub(super) fn with(mut self, place: usize) -> Self {
        self.0[place / 64] |= bit(place);
        self
    }

    #[must_use]
    pub(super) fn without(mut self, place: usize) -> Self {
        self.0[place / 64] &= !bit(place);
        self
    }

    /// Whether everything in it is in another one too.
    pub(super) fn are_among(&self, others: &Self) -> bool {
        self.0.iter().zip(others.0).all(|(own, other)| own & !other == 0)
    }
}

fn bit(place: usize) -> u64 {
    1 << (place % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let few = Places::default().with(0).with(63);
        let many = few.with(64).with(PLACES_MAX - 1);
        assert!(few.are_among(&many) && !many.are_among(&few));
        assert!(many.contains(PLACES_MAX - 1) && !few.contains(64) && !few.contains(1));
        assert_eq!(many.without(64).without(PLACES_MAX - 1), few);
    }
}
