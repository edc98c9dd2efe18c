//! What a shard itself answers to operators; and see [`crate::stream`] for what it answers to nodes.
//!
//! A shard looks like one more entity: of kind 0, named by its number. So whatever reaches an entity
//! reaches a shard, by the same names, answers and routes. It obeys operators only.

use entity::kind::Kind;
use entity::route::{Method, Of, Route};
use entity::{Command, Id, Never, Query, Time, data, refusals};

use crate::slots::ShardId;
use crate::stream::{Positions, ReadStream};

/// The family of shards.
#[derive(Debug)]
pub enum Shards {}

impl Kind for Shards {
    const NAME: &'static str = "cluster.shard";
    const TAG: u16 = 0;
    type Key = ShardId;
    type Commands = (Redrive, Discard, Release);
    type Queries = (ListDeadLetters, ListQuarantined, Positions, ReadStream);
}

/// Most dead letters in one answer.
pub const DEAD_LETTERS_PAGE: usize = 100;

/// Most quarantined entities in one answer.
pub const QUARANTINED_PAGE: usize = 100;

/// Where operators find this.
pub fn routes() -> Vec<Route> {
    let shard = Of::Path("shard");
    let letters = "/v1/operator/shards/{shard}/dead-letters";
    let quarantined = "/v1/operator/shards/{shard}/quarantined";
    let letter = "/v1/operator/shards/{shard}/dead-letters/{id}";
    let redrive = "/v1/operator/shards/{shard}/dead-letters/{id}/redrive";
    let entity = "/v1/operator/shards/{shard}/quarantined/{kind}/{key}";
    vec![
        Route::query::<ListDeadLetters>(letters, shard).operator(),
        Route::command::<Discard>(Method::Delete, letter, shard).operator(),
        Route::command::<Redrive>(Method::Post, redrive, shard).operator(),
        Route::query::<ListQuarantined>(quarantined, shard).operator(),
        Route::command::<Release>(Method::Delete, entity, shard).operator(),
    ]
}

/// Lists messages that were not handled, oldest first.
#[data]
pub struct ListDeadLetters {
    /// Begins behind this one, with the oldest when not given.
    pub after: Option<Id>,
}

impl Query for ListDeadLetters {
    type Kind = Shards;
    const TAG: u16 = 1;
    type Reply = DeadLetterPage;
    type Error = Never;
}

/// Some dead letters.
#[data]
#[derive(Default)]
pub struct DeadLetterPage {
    /// Oldest first, at most [`DEAD_LETTERS_PAGE`].
    pub letters: Vec<DeadLetterView>,
    /// Where to go on (`after`), when there may be more.
    pub next: Option<Id>,
}

/// A message that was not handled, for people.
#[data]
pub struct DeadLetterView {
    /// Its id.
    pub id: Id,
    /// Kind and name of the sender.
    pub from: String,
    /// Kind and name of the receiver.
    pub to: String,
    /// Name of the command.
    pub command: String,
    /// The command as JSON.
    pub body: String,
    /// When it was given up.
    pub at: Time,
    /// Stable code of the problem.
    pub code: String,
    /// The problem in a sentence.
    pub detail: String,
}

/// Sends a dead letter again.
#[data]
pub struct Redrive {
    /// Which one.
    pub id: Id,
}

impl Command for Redrive {
    type Kind = Shards;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = DeadLetterError;
}

/// Throws a dead letter away.
#[data]
pub struct Discard {
    /// Which one.
    pub id: Id,
}

impl Command for Discard {
    type Kind = Shards;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = DeadLetterError;
}

/// Why nothing can be done about a dead letter.
#[data]
pub enum DeadLetterError {
    /// There is none with this id, or not any more.
    Unknown,
}

refusals! { DeadLetterError {
    Unknown => 404 "dead_letter_unknown" "There is no such dead letter in this shard, or not any more.",
} }

/// Why an entity cannot be released.
#[data]
pub enum ReleaseError {
    /// It is not quarantined.
    Unknown,
}

refusals! { ReleaseError {
    Unknown => 404 "not_quarantined" "There is no such entity in this shard that is quarantined.",
} }

/// Lists entities that panicked too often and handle nothing until they are released.
#[data]
pub struct ListQuarantined {}

impl Query for ListQuarantined {
    type Kind = Shards;
    const TAG: u16 = 2;
    type Reply = QuarantinedPage;
    type Error = Never;
}

/// Quarantined entities.
#[data]
pub struct QuarantinedPage {
    /// At most [`QUARANTINED_PAGE`]; release some to see more.
    pub entities: Vec<QuarantinedView>,
}

/// An entity that panicked too often, for people.
#[data]
pub struct QuarantinedView {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub key: String,
    /// Since when.
    pub since: Time,
    /// What the last panic said, at most 1,000 bytes.
    pub panic: String,
}

/// Lets a quarantined entity handle commands again.
#[data]
pub struct Release {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub key: String,
}

impl Command for Release {
    type Kind = Shards;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = ReleaseError;
}
