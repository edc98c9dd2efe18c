//! What a simulation wants, and what it saw. It holds in one thread, and a simulation runs in one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::knob::{Knob, Value};
use crate::mutant::Mutant;
use crate::point::Point;
use crate::rare::Rare;

/// What a simulation wants.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Setting {
    /// All chance follows from it.
    pub seed: u64,
    /// What is broken on purpose.
    pub mutant: Option<Mutant>,
    /// Points that fire, each in one of so many cases.
    pub points: BTreeMap<Point, u32>,
    /// Knobs that are not as usual.
    pub knobs: BTreeMap<Knob, u64>,
}

/// What was seen of the program.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// How often each rare state was reached, if it was.
    pub rare: BTreeMap<Rare, u64>,
    /// How often each point fired, if it did.
    pub fired: BTreeMap<Point, u64>,
    /// The first thing that was fuller than it may be.
    pub overfull: Option<String>,
}

/// A setting in force. Dropped, nothing is set any more.
#[derive(Debug)]
pub struct InForce(());

const KNOBS: usize = Knob::ALL.len();
const POINTS: usize = Point::ALL.len();
const RARES: usize = Rare::ALL.len();

/// As usual.
const USUAL: u64 = u64::MAX;

thread_local! {
    static HERE: Here = const { Here {
        mutant: Cell::new(None),
        seed: Cell::new(0),
        draws: Cell::new(0),
        stirred: Cell::new(false),
        odds: [const { Cell::new(0) }; POINTS],
        asked: [const { Cell::new(0) }; POINTS],
        fired: [const { Cell::new(0) }; POINTS],
        knobs: [const { Cell::new(USUAL) }; KNOBS],
        rare: [const { Cell::new(0) }; RARES],
        overfull: RefCell::new(None),
    } };
}

struct Here {
    mutant: Cell<Option<Mutant>>,
    seed: Cell<u64>,
    /// Draws of the mutant.
    draws: Cell<u64>,
    /// Whether points fire now.
    stirred: Cell<bool>,
    /// In one of how many cases each point fires; 0: in none.
    odds: [Cell<u32>; POINTS],
    asked: [Cell<u64>; POINTS],
    fired: [Cell<u64>; POINTS],
    knobs: [Cell<u64>; KNOBS],
    rare: [Cell<u64>; RARES],
    overfull: RefCell<Option<String>>,
}

impl Setting {
    /// Sets it in this thread, with nothing seen. Points do not fire before [`stir`].
    #[must_use]
    pub fn enforce(&self) -> InForce {
        HERE.with(|here| {
            here.mutant.set(self.mutant);
            here.seed.set(self.seed);
            here.draws.set(0);
            here.stirred.set(false);
            for (at, point) in Point::ALL.iter().enumerate() {
                here.odds[at].set(self.points.get(point).copied().unwrap_or(0));
                here.asked[at].set(0);
                here.fired[at].set(0);
            }
            for (at, knob) in Knob::ALL.iter().enumerate() {
                here.knobs[at].set(self.knobs.get(knob).copied().unwrap_or(USUAL));
            }
            here.rare.iter().for_each(|it| it.set(0));
            here.overfull.replace(None);
        });
        InForce(())
    }
}

impl Drop for InForce {
    fn drop(&mut self) {
        HERE.with(|here| {
            here.mutant.set(None);
            here.stirred.set(false);
            here.knobs.iter().for_each(|it| it.set(USUAL));
        });
    }
}

/// Whether points fire from now on.
pub fn stir(stirred: bool) {
    HERE.with(|here| here.stirred.set(stirred));
}

/// What was seen since the setting came into force.
pub fn seen() -> Seen {
    HERE.with(|here| {
        let rare = Rare::ALL.iter().copied().zip(here.rare.iter().map(Cell::get));
        let fired = Point::ALL.iter().copied().zip(here.fired.iter().map(Cell::get));
        Seen {
            rare: rare.filter(|(_, count)| *count > 0).collect(),
            fired: fired.filter(|(_, count)| *count > 0).collect(),
            overfull: here.overfull.borrow().clone(),
        }
    })
}

/// Whether a mutant is at work.
pub fn is_broken(mutant: Mutant) -> bool {
    HERE.with(|here| here.mutant.get() == Some(mutant))
}

/// Whether a mutant is at work, in one of `of` cases.
pub fn is_broken_now(mutant: Mutant, of: u64) -> bool {
    is_broken(mutant)
        && HERE.with(|here| {
            here.draws.set(here.draws.get() + 1);
            mixed(here.seed.get().wrapping_add(here.draws.get())).is_multiple_of(of)
        })
}

/// A rare state was reached.
pub fn reached(rare: Rare) {
    HERE.with(|here| {
        let count = &here.rare[rare as usize];
        count.set(count.get() + 1);
    });
}

/// Whether a point fires this time. Each has a stream of its own: what one draws shifts no other.
pub fn fires(point: Point) -> bool {
    HERE.with(|here| {
        let at = point as usize;
        let odds = here.odds[at].get();
        if odds == 0 || !here.stirred.get() {
            return false;
        }
        let asked = here.asked[at].get() + 1;
        here.asked[at].set(asked);
        let drawn = mixed(here.seed.get() ^ mixed(at as u64 + 1).wrapping_add(asked));
        let fires = drawn.is_multiple_of(u64::from(odds));
        here.fired[at].set(here.fired[at].get() + u64::from(fires));
        fires
    })
}

/// The value of a knob.
pub fn value<T: Value>(knob: Knob, usual: T) -> T {
    let set = HERE.with(|here| here.knobs[knob as usize].get());
    if set == USUAL { usual } else { T::of(set) }
}

/// Something has a bound, and is as full as this.
pub fn filled(what: &str, filled: impl Count, max: impl Count) {
    let (filled, max) = (filled.count(), max.count());
    if filled > max {
        HERE.with(|here| {
            let mut first = here.overfull.borrow_mut();
            if first.is_none() {
                *first = Some(format!("{what}: {filled}, at most {max}"));
            }
        });
    }
}

/// How many of something there are.
pub trait Count {
    /// The number.
    fn count(self) -> u64;
}

impl Count for u64 {
    fn count(self) -> u64 {
        self
    }
}

impl Count for usize {
    fn count(self) -> u64 {
        self as u64
    }
}

/// Splitmix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_mutant_works_while_it_is_wanted_and_nowhere_else() {
        let setting = Setting { seed: 1, mutant: Some(Mutant::GapAccepted), ..Setting::default() };
        let in_force = setting.enforce();
        assert!(is_broken(Mutant::GapAccepted) && !is_broken(Mutant::RefusalEarly));
        let hits = (0..1_000).filter(|_| is_broken_now(Mutant::GapAccepted, 10)).count();
        assert!((50..200).contains(&hits), "{hits}");
        drop(in_force);
        assert!(!is_broken(Mutant::GapAccepted));
    }

    #[test]
    fn points_fire_as_often_as_they_should_and_only_when_stirred() {
        let points = BTreeMap::from([(Point::RowNotHere, 4)]);
        let _in_force = Setting { seed: 1, points, ..Setting::default() }.enforce();
        assert!((0..100).all(|_| !fires(Point::RowNotHere)));
        stir(true);
        let fired = (0..1_000).filter(|_| fires(Point::RowNotHere)).count();
        assert!((150..350).contains(&fired), "{fired}");
        assert!((0..100).all(|_| !fires(Point::AckUnsent)));
        assert_eq!(seen().fired, BTreeMap::from([(Point::RowNotHere, fired as u64)]));
    }

    #[test]
    fn knobs_are_set_and_reset() {
        let knobs = BTreeMap::from([(Knob::ResendAfter, 7), (Knob::PageItems, 3)]);
        let in_force = Setting { knobs, ..Setting::default() }.enforce();
        let usual = Duration::from_secs(1);
        assert_eq!(value(Knob::ResendAfter, usual), Duration::from_micros(7));
        assert_eq!((value(Knob::PageItems, 9_usize), value(Knob::TurnItems, 9_usize)), (3, 9));
        drop(in_force);
        assert_eq!(value(Knob::ResendAfter, usual), usual);
    }

    #[test]
    fn what_is_seen_is_counted_once_for_each_setting() {
        let _in_force = Setting::default().enforce();
        reached(Rare::TornTailCut);
        filled("a queue", 3_usize, 3_u64);
        assert_eq!(seen().overfull, None);
        filled("a queue", 4_usize, 3_usize);
        filled("another", 9_u64, 3_u64);
        let Seen { rare, overfull, .. } = seen();
        assert_eq!(rare, BTreeMap::from([(Rare::TornTailCut, 1)]));
        assert_eq!(overfull.as_deref(), Some("a queue: 4, at most 3"));
        let _in_force = Setting::default().enforce();
        assert_eq!(seen(), Seen::default());
    }
}
