//! How an order is looked for that explains a history.
//!
//! Lowe's variant of Wing and Gong's search: the history is read once, and every *guess* is kept of
//! what has been done so far. An operation is guessed to have been done only when somebody is told
//! something that it could explain. A guess that another one is as good as is not followed twice.

use std::collections::{BTreeMap, VecDeque};

use super::history::{Operation, Told};
use super::places::Places;
use super::specification::Specification;

/// How a search ended before its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stuck {
    /// Whatever was done before: it does not come to what this operation was told.
    At(usize),
    /// There are too many guesses.
    Undecided,
}

/// What may have been done so far.
struct Guess<S: Specification> {
    state: S::State,
    /// Operations that are done, and of which nobody has been told yet, but will be.
    done: Places,
    /// Operations that are done, and of which nobody will ever be told.
    doubted: Places,
}

/// Guesses without those that are no better than another one. What was done without anybody being
/// told might as well not have been, and be done later: of two guesses that are equal otherwise, the
/// one is better that assumes less.
struct Guesses<S: Specification> {
    doubted: BTreeMap<(Places, S::State), Vec<Places>>,
}

/// A search in the operations of a history, which are in the order of asking.
pub(super) struct Search<'a, S: Specification> {
    operations: &'a [Operation<S>],
    /// Those that were asked and not told yet.
    open: Vec<usize>,
    /// How many guesses may still be followed.
    left: &'a mut usize,
}

impl<'a, S: Specification> Search<'a, S> {
    /// A search that takes its guesses from those that are `left`.
    pub(super) fn new(operations: &'a [Operation<S>], left: &'a mut usize) -> Self {
        Self { operations, open: Vec::new(), left }
    }

    /// Looks for an order from a first state on.
    pub(super) fn run(mut self, first: &S::State) -> Result<(), Stuck> {
        let empty = Places::default();
        let mut alive = vec![Guess { state: first.clone(), done: empty, doubted: empty }];
        for (_, place, is_end) in moments(self.operations) {
            if is_end {
                alive = self.pass(alive, place)?;
                if alive.is_empty() {
                    return Err(Stuck::At(place));
                }
                self.open.retain(|it| *it != place);
            } else {
                self.open.push(place);
            }
        }
        Ok(())
    }

    /// Guesses after which an operation has been done, from those before it was told.
    fn pass(&mut self, alive: Vec<Guess<S>>, told: usize) -> Result<Vec<Guess<S>>, Stuck> {
        let (mut seen, mut passed) = (Guesses::default(), Guesses::default());
        let mut next: VecDeque<_> = alive.into_iter().filter(|it| seen.insert(it)).collect();
        // Those that assume less come first, so that others are found to be no better.
        while let Some(guess) = next.pop_front() {
            *self.left = self.left.checked_sub(1).ok_or(Stuck::Undecided)?;
            if guess.done.contains(told) {
                passed.insert(&Guess { done: guess.done.without(told), ..guess });
            } else {
                next.extend(self.follow(&guess).into_iter().filter(|it| seen.insert(it)));
            }
        }
        Ok(passed.into_all())
    }

    /// Guesses that go one operation further.
    fn follow(&self, guess: &Guess<S>) -> Vec<Guess<S>> {
        let mut next = Vec::new();
        for &place in &self.open {
            if guess.done.contains(place) || guess.doubted.contains(place) {
                continue;
            }
            let Operation { asked, told, .. } = &self.operations[place];
            let Some((state, is_refused)) = self.step(&guess.state, place) else { continue };
            let (done, doubted) = (guess.done, guess.doubted);
            match told {
                // What changes nothing wherever it is done may as well be done here.
                Some(_) if is_refused || S::is_read(asked) => {
                    return vec![Guess { state, done: done.with(place), doubted }];
                }
                Some(_) => next.push(Guess { state, done: done.with(place), doubted }),
                None if state == guess.state => {}
                None => next.push(Guess { state, done, doubted: doubted.with(place) }),
            }
        }
        next
    }

    /// The state after an operation, and whether it was refused; none if it does not come to what was
    /// told.
    fn step(&self, before: &S::State, place: usize) -> Option<(S::State, bool)> {
        let Operation { asked, told, .. } = &self.operations[place];
        let mut state = before.clone();
        match (S::apply(&mut state, asked), told) {
            (Some(reply), Some((_, Told::Reply(told)))) if reply == *told => Some((state, false)),
            (Some(_), None) => Some((state, false)),
            (None, Some((_, Told::Refusal)) | None) => Some((before.clone(), true)),
            (Some(_), Some((_, Told::Reply(_) | Told::Refusal)))
            | (None, Some((_, Told::Reply(_)))) => None,
        }
    }
}

/// When operations were asked, and when told.
fn moments<S: Specification>(operations: &[Operation<S>]) -> Vec<(u64, usize, bool)> {
    let begun = operations.iter().enumerate().map(|(place, it)| (it.begun, place, false));
    let ended = operations.iter().enumerate();
    let ended = ended.filter_map(|(place, it)| Some((it.ended()?, place, true)));
    let mut moments: Vec<_> = begun.chain(ended).collect();
    moments.sort_unstable();
    moments
}

impl<S: Specification> Default for Guesses<S> {
    fn default() -> Self {
        Self { doubted: BTreeMap::new() }
    }
}

impl<S: Specification> Guesses<S> {
    /// Takes a guess in, unless one that is there is as good.
    fn insert(&mut self, guess: &Guess<S>) -> bool {
        let others = self.doubted.entry((guess.done, guess.state.clone())).or_default();
        if others.iter().any(|other| other.are_among(&guess.doubted)) {
            return false;
        }
        others.retain(|other| !guess.doubted.are_among(other));
        others.push(guess.doubted);
        true
    }

    fn into_all(self) -> Vec<Guess<S>> {
        let of = |((done, state), all): ((Places, S::State), Vec<Places>)| {
            let guess = move |doubted| Guess { state: state.clone(), done, doubted };
            all.into_iter().map(guess).collect::<Vec<_>>()
        };
        self.doubted.into_iter().flat_map(of).collect()
    }
}
