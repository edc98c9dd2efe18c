//! All workloads by name.

use actors::posts::api::PullAboveFollowers;
use entity::registry::Registry;

use super::accounts::Openings;
use super::bank::{Bank, Vault};
use super::counter::{Counter, Counting};
use super::crew::{Crew, Workload};
use super::feeds::Reading;
use super::follows::Following;
use super::letters::{Listener, Telling, Writer};
use super::posts::Publishing;
use super::register::{Register, Registers};
use super::wakes::{Alarm, Waking};
use crate::chance::Chance;
use crate::scenario::Scenario;

/// Every workload.
pub const NAMES: [&str; 9] =
    ["accounts", "bank", "counter", "feeds", "follows", "letters", "posts", "register", "wakes"];

/// A workload that is not in the catalogue: that of a service elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Guest {
    /// Its name.
    pub name: &'static str,
    /// Adds the entities that it uses.
    pub register: fn(&mut Registry),
    /// Makes it.
    pub workload: fn(&mut Chance) -> Box<dyn Workload>,
}

/// What workloads have to know of their world.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many shards it has.
    pub shards: u32,
    /// Above how many followers posts are pulled.
    pub pull_above_followers: u64,
    /// A workload that is not in the catalogue.
    pub guest: Option<Guest>,
}

/// Every entity that a workload uses, with posts of authors above so many followers pulled.
///
/// # Panics
///
/// When the number is outside of its range.
pub fn registry(shape: &Shape) -> Registry {
    let mut registry = Registry::default();
    actors::register(&mut registry);
    registry.add::<Counter>();
    registry.add::<Vault>();
    registry.add::<Register>();
    registry.add::<Writer>();
    registry.add::<Listener>();
    registry.add::<Alarm>();
    registry.add::<cluster::meta::Meta>();
    if let Some(guest) = shape.guest {
        (guest.register)(&mut registry);
    }
    registry
        .settings
        .set::<PullAboveFollowers>(shape.pull_above_followers)
        .expect("the plan keeps to the range");
    registry
}

/// Workloads by their names.
pub fn crews(
    (seed, names): (u64, &[&'static str]),
    shape: &Shape,
    scenario: &Scenario,
) -> Vec<Crew> {
    let crew = |name: &&'static str| {
        let mut chance = Chance::of(seed, &format!("shape of {name}"));
        let made = match shape.guest.filter(|it| it.name == *name) {
            Some(guest) => (guest.workload)(&mut chance),
            None => workload(name, &mut chance, shape),
        };
        Crew::new(name, seed, made).limited(scenario)
    };
    names.iter().map(crew).collect()
}

fn workload(name: &str, chance: &mut Chance, shape: &Shape) -> Box<dyn Workload> {
    match name {
        "accounts" => Box::new(Openings::new(chance)),
        "bank" => Box::new(Bank::new(chance)),
        "counter" => Box::new(Counting::new(chance)),
        "feeds" => Box::new(Reading::new(chance, shape.pull_above_followers)),
        "follows" => Box::new(Following::new(chance)),
        "letters" => Box::new(Telling::new(chance, shape.shards)),
        "posts" => Box::new(Publishing::new(chance)),
        "register" => Box::new(Registers::new(chance)),
        "wakes" => Box::new(Waking::new(chance)),
        other => unreachable!("{other} is no workload"),
    }
}
