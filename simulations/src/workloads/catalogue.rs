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
use crate::world::plan::Plan;

/// Every workload.
pub const NAMES: [&str; 8] =
    ["accounts", "bank", "counter", "feeds", "follows", "posts", "register", "wakes"];

/// Every entity that a workload uses.
///
/// # Panics
///
/// When the plan has a setting outside of its range.
pub fn registry(plan: &Plan) -> Registry {
    registry_of(plan.pull_above_followers)
}

/// Every entity that a workload uses, with posts of authors above so many followers pulled.
///
/// # Panics
///
/// When the number is outside of its range.
pub fn registry_of(pull_above_followers: u64) -> Registry {
    let mut registry = Registry::default();
    actors::register(&mut registry);
    registry.add::<Counter>();
    registry.add::<Vault>();
    registry.add::<Register>();
    registry.add::<Alarm>();
    registry.add::<cluster::meta::Meta>();
    registry
        .settings
        .set::<PullAboveFollowers>(pull_above_followers)
        .expect("the plan keeps to the range");
    registry
}

/// The workloads of a plan.
pub fn crews(plan: &Plan) -> Vec<Crew> {
    crews_of(plan.seed, &plan.workloads, plan.pull_above_followers)
}

/// Workloads by their names.
pub fn crews_of(seed: u64, names: &[&'static str], pull_above_followers: u64) -> Vec<Crew> {
    let crew = |name: &&'static str| {
        let chance = Chance::of(seed, &format!("shape of {name}"));
        Crew::new(name, seed, workload(name, chance, pull_above_followers))
    };
    names.iter().map(crew).collect()
}

fn workload(name: &str, mut chance: Chance, pull_above_followers: u64) -> Box<dyn Workload> {
    let chance = &mut chance;
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
