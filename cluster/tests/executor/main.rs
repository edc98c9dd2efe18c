//! What an executor promises, tried on a ledger in memory.
#![expect(clippy::unwrap_used, reason = "a test")]

mod answers;
mod limits;
mod messages;
mod names;
mod rig;
mod streams;
mod transactions;

use std::time::Duration;

use cluster::executor::{Input, Knobs};
use cluster::ledger::Ledger;
use cluster::memory::{Fate, Reads, Telling};
use cluster::operator::{
    DeadLetterError, DeadLetterView, Discard, ListDeadLetters, ListQuarantined, Redrive, Release,
    ReleaseError,
};
use cluster::request::{Answer, Failure, Verb};
use cluster::slots::ShardId;
use cluster::stream::StreamId;
use entity::registry::Outcome;
use entity::transaction::Limit;
use entity::{Address, Command, Id, Key, Kind, Time};
use rig::kinds::{
    Add, AddError, Later, LogOf, Look, Looks, Misbehave, Name, Note, Pass, Recall, Recalled,
    Remember, Tallies, Tell,
};
use rig::world::{SENDER, World, decode, inside, outside, request, usual};

fn name(text: &str) -> Name {
    Name(text.into())
}

fn count(world: &mut World, of: &str) -> u64 {
    look(world, of).count
}

fn look(world: &mut World, at: &str) -> Looks {
    world.ask(&name(at), &Look).unwrap().unwrap()
}
