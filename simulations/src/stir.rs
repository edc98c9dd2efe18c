//! What a seed moves in the program itself: points that fire, knobs that are not as usual.

use std::collections::BTreeMap;

use probe::{Knob, Point, Setting};

use crate::chance::{Chance, Odds};
use crate::scenario::Scenario;

/// How many of the points fire in a seed in which any does.
const ACTIVE: Odds = Odds(250_000);

/// How many of the knobs are moved in a seed in which any is.
const MOVED: Odds = Odds(150_000);

/// What a seed moves, as far as a scenario leaves it.
pub fn setting(seed: u64, scenario: &Scenario) -> Setting {
    let (mut points, mut knobs) = (points(seed), knobs(seed));
    if let Some(named) = &scenario.points {
        points.retain(|it, _| named.contains(it.name()));
    }
    if let Some(named) = &scenario.knobs {
        knobs.retain(|it, _| named.contains(it.name()));
    }
    Setting { seed, mutant: None, points, knobs }
}

fn points(seed: u64) -> BTreeMap<Point, u32> {
    let mut chance = Chance::of(seed, "points");
    if chance.flips() {
        return BTreeMap::new();
    }
    let mut one = |point: &Point| {
        let odds = point.seldom() << chance.below(6);
        chance.hits(ACTIVE).then_some((*point, odds))
    };
    Point::ALL.iter().filter_map(&mut one).collect()
}

fn knobs(seed: u64) -> BTreeMap<Knob, u64> {
    let mut chance = Chance::of(seed, "knobs of the program");
    if chance.flips() {
        return BTreeMap::new();
    }
    let mut one = |knob: &Knob| {
        let value = chance.magnitude(knob.range());
        chance.hits(MOVED).then_some((*knob, value))
    };
    Knob::ALL.iter().filter_map(&mut one).collect()
}
