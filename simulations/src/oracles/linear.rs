//! Whether some order explains what everybody was told: linearizability.
//!
//! Whoever asks after somebody else was told comes behind that one. Of an operation that nobody was
//! told of it is not known whether it was done; if it was, then at any moment after it was asked.

use std::fmt;

use super::history::{History, Operation};
use super::places::PLACES_MAX;
use super::search::{Search, Stuck};
use super::specification::Specification;

/// Most operations of a history that is checked.
pub const OPERATIONS_MAX: usize = 250;

const _: () = assert!(OPERATIONS_MAX <= PLACES_MAX);

/// Most operations that are asked at once, those without an answer not counted.
pub const CONCURRENT_MAX: usize = 12;

/// Most guesses that are followed for one history. One of a register needs thousands.
const GUESSES_MAX: usize = 1_000_000;

/// Most guesses that are followed to find out what may be left out of an explanation.
const WINDOW_GUESSES_MAX: usize = 300_000;

/// Why a history is not found to be in order.
#[derive(Debug)]
pub enum Fault<S: Specification> {
    /// There are more than [`OPERATIONS_MAX`] operations, or more than [`CONCURRENT_MAX`] at once.
    TooLarge,
    /// The search was given up.
    Undecided,
    /// No order explains these.
    Unordered(Window<S>),
}

/// Operations that no order explains. Mostly, if any of them had not been answered, some order would:
/// of a large history there may be more.
#[derive(Debug)]
pub struct Window<S: Specification> {
    /// What the thing was before all operations.
    pub first: S::State,
    /// In the order of asking.
    pub operations: Vec<Operation<S>>,
    /// How many others there were until then. Each of them may have been done, or not.
    pub others: usize,
}

/// Looks for an order of a thing that begins as `first`.
///
/// # Errors
///
/// [`Fault`]
pub fn check<S: Specification>(first: &S::State, history: &History<S>) -> Result<(), Fault<S>> {
    let operations = history.operations();
    if operations.len() > OPERATIONS_MAX || concurrent(operations) > CONCURRENT_MAX {
        return Err(Fault::TooLarge);
    }
    let mut left = GUESSES_MAX;
    match Search::new(operations, &mut left).run(first) {
        Ok(()) => Ok(()),
        Err(Stuck::Undecided) => Err(Fault::Undecided),
        Err(Stuck::At(place)) => Err(Fault::Unordered(window(first, operations, place))),
    }
}

/// Most operations that were asked and not told at one moment, of those that were told ever.
fn concurrent<S: Specification>(operations: &[Operation<S>]) -> usize {
    let told = operations.iter().filter_map(|it| Some((it.begun, it.ended()?)));
    let told: Vec<_> = told.collect();
    let open_at =
        |at: u64| told.iter().filter(|(begun, ended)| *begun <= at && at < *ended).count();
    told.iter().map(|(begun, _)| open_at(*begun)).max().unwrap_or(0)
}

/// Few operations that are wrong together with the one at `place`: answers are forgotten, many at a
/// time and then fewer, as long as what is left stays wrong. Forgetting never makes a history wrong.
fn window<S: Specification>(
    first: &S::State,
    operations: &[Operation<S>],
    place: usize,
) -> Window<S> {
    let end = operations[place].ended().unwrap_or(u64::MAX);
    let until = operations.iter().filter(|it| it.begun < end).cloned();
    let mut all: Vec<Operation<S>> = until.collect();
    for it in &mut all {
        it.told.take_if(|(at, _)| *at > end);
    }
    let (mut left, mut count) = (WINDOW_GUESSES_MAX, all.len());
    while count > 1 {
        count = count.div_ceil(2);
        for from in (0..all.len()).step_by(count) {
            let mut fewer = all.clone();
            for it in fewer.iter_mut().skip(from).take(count) {
                it.told = None;
            }
            if let Err(Stuck::At(_)) = Search::new(&fewer, &mut left).run(first) {
                all = fewer;
            }
        }
    }
    let others = all.iter().filter(|it| it.told.is_none()).count();
    all.retain(|it| it.told.is_some());
    Window { first: first.clone(), operations: all, others }
}

impl<S: Specification> fmt::Display for Fault<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the history is larger than what is checked"),
            Self::Undecided => write!(f, "the search for an order was given up"),
            Self::Unordered(window) => window.fmt(f),
        }
    }
}

impl<S: Specification> fmt::Display for Window<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, operations, others } = self;
        write!(f, "no order from {first:?} on explains")?;
        for operation in operations {
            write!(f, "\n  {operation}")?;
        }
        write!(f, "\n  whatever became of {others} others")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::history::Told;
    use crate::oracles::register::{Asked, Register, Said};

    /// Clients that each do one thing after the other.
    #[derive(Default)]
    struct Script(History<Register>);

    impl Script {
        fn does(mut self, asked: Asked, said: Said) -> Self {
            let place = self.0.begin(1, asked);
            self.0.end(place, Told::Reply(said));
            self
        }

        fn reads(self, value: u64) -> Self {
            self.does(Asked::Read, Said::Value(value))
        }

        fn writes(self, value: u64) -> Self {
            self.does(Asked::Write(value), Said::Done)
        }

        fn may_write(mut self, value: u64) -> Self {
            self.0.begin(2, Asked::Write(value));
            self
        }

        fn check(&self) -> Result<(), Fault<Register>> {
            check(&0, &self.0)
        }
    }

    #[test]
    fn what_nobody_was_told_of_is_done_late_or_never_and_once() {
        let late = || Script::default().may_write(7).writes(1).reads(1).reads(7);
        assert!(late().check().is_ok());
        assert!(Script::default().may_write(7).writes(1).reads(1).check().is_ok());
        assert!(late().writes(2).reads(7).check().is_err(), "twice");
        assert!(Script::default().reads(7).may_write(7).check().is_err(), "before it was asked");
    }

    #[test]
    fn a_window_holds_what_contradicts_itself() {
        let noise = (10..40).fold(Script::default(), |it, value| it.writes(value).reads(value));
        let stale = noise.may_write(3).writes(1).reads(1).writes(2).reads(1).writes(4);
        let Err(Fault::Unordered(window)) = stale.check() else { panic!("nothing is wrong") };
        let asked: Vec<_> = window.operations.iter().map(|it| it.asked).collect();
        // What says that there was a 1 before may be its write, or who has read it.
        assert_eq!((asked.len(), &asked[1..]), (3, &[Asked::Write(2), Asked::Read][..]));
        let text = window.to_string();
        assert!(text.starts_with("no order from 0 on explains\n  client 1 from "), "{text}");
        assert!(text.ends_with("Read came to Value(1)\n  whatever became of 62 others"), "{text}");
    }

    #[test]
    fn what_is_too_large_is_not_checked() {
        let of = |count: usize| (0..count).fold(Script::default(), |it, _| it.reads(0));
        assert!(of(OPERATIONS_MAX).check().is_ok());
        assert!(matches!(of(OPERATIONS_MAX + 1).check(), Err(Fault::TooLarge)));
        let mut history = History::<Register>::default();
        let places: Vec<_> =
            (0..=CONCURRENT_MAX).map(|it| history.begin(it, Asked::Read)).collect();
        assert!(check(&0, &history).is_ok(), "nobody was told");
        for place in places {
            history.end(place, Told::Reply(Said::Value(0)));
        }
        assert!(matches!(check(&0, &history), Err(Fault::TooLarge)));
    }
}
