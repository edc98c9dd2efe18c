//! All workloads by name.

use actors::posts::api::PullAboveFollowers;
use entity::registry::Registry;

use super::accounts::Openings;
use super::bank::{Bank, Vault};
use super::counter::{Counter, Counting};
use super::crew::{Crew, Workload};
use super::feeds::Reading;
use super::follows::Following;
use super::posts::Publishing;
use super::register::{Register, Registers};
use super::wakes::{Alarm, Waking};
use crate::chance::Chance;

/// Every workload.
pub const NAMES: [&str; 8] =
    ["accounts", "bank", "counter", "feeds", "follows", "posts", "register", "wakes"];

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

/// Every entity that a workload uses, with posts of authors above so many followers pulled.
///
/// # Panics
///
/// When the number is outside of its range.
pub fn registry(pull_above_followers: u64, guest: Option<Guest>) -> Registry {
    let mut registry = Registry::default();
    actors::register(&mut registry);
    registry.add::<Counter>();
    registry.add::<Vault>();
    registry.add::<Register>();
    registry.add::<Alarm>();
    registry.add::<cluster::meta::Meta>();
    if let Some(guest) = guest {
        (guest.register)(&mut registry);
    }
    registry
        .settings
        .set::<PullAboveFollowers>(pull_above_followers)
        .expect("the plan keeps to the range");
    registry
}

/// Workloads by their names.
pub fn crews(
    seed: u64,
    names: &[&'static str],
    pull_above_followers: u64,
    guest: Option<Guest>,
) -> Vec<Crew> {
    let crew = |name: &&'static str| {
        let mut chance = Chance::of(seed, &format!("shape of {name}"));
        let made = match guest.filter(|it| it.name == *name) {
            Some(guest) => (guest.workload)(&mut chance),
            None => workload(name, &mut chance, pull_above_followers),
        };
        Crew::new(name, seed, made)
    };
    names.iter().map(crew).collect()
}

fn workload(name: &str, chance: &mut Chance, pull_above_followers: u64) -> Box<dyn Workload> {
    match name {
        "accounts" => Box::new(Openings::new(chance)),
        "bank" => Box::new(Bank::new(chance)),
        "counter" => Box::new(Counting::new(chance)),
        "feeds" => Box::new(Reading::new(chance, pull_above_followers)),
        "follows" => Box::new(Following::new(chance)),
        "posts" => Box::new(Publishing::new(chance)),
        "register" => Box::new(Registers::new(chance)),
        "wakes" => Box::new(Waking::new(chance)),
        other => unreachable!("{other} is no workload"),
    }
}
