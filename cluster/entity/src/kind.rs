//! A family of entities and its contract.

use std::fmt::Display;
use std::str::FromStr;

use crate::registry::{CommandSet, QuerySet, TableSet};
use crate::{Context, Data, Key, Refusal};

/// A family of entities: its names, its key, and what it accepts.
///
/// Akka calls this an entity type key, Orleans a grain interface.
pub trait Kind: 'static {
    /// For people: metrics, consoles, transcripts. `service.entity`.
    const NAME: &'static str;
    /// For storage and the network. Unique among kinds; never changes once released. Not 0.
    const TAG: u16;
    /// Whether the state of its entities outlives a leader.
    const DURABILITY: Durability = Durability::Durable;
    /// Names one entity within the family. Its bytes alone choose the slot: entities of several
    /// kinds with one key live together, and messages between them never leave their shard. Its text
    /// is what paths, consoles and transcripts show.
    type Key: Key + Display + FromStr;
    /// Every command, as a tuple. An entity that handles fewer does not compile.
    type Commands;
    /// Every query, as a tuple. An entity that answers fewer does not compile.
    type Queries;
}

/// Whether state outlives a leader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// Head, rows and streams are committed.
    Durable,
    /// Head and rows live in the leader's memory only, start again from `Default` after a move, and
    /// are refilled by callers. Messages sent are durable all the same. Streams and wake-ups are not
    /// allowed: both promise what memory cannot keep.
    Ephemeral,
}

/// A request to one entity. Plain data: it crosses the network.
pub trait Command: Data + Form {
    /// Which family accepts the command.
    type Kind: Kind;
    /// For storage and the network. Unique among the commands of its kind; never changes.
    const TAG: u16;
    /// What the caller learns when the command commits.
    type Reply: Data + Form;
    /// Why the entity may refuse. A refusal changes nothing.
    type Error: Refusal;
    /// Whether it makes room, or is needed by what does: it is taken even when the disk is full.
    const FREES_SPACE: bool = false;
}

/// A question to one entity. It changes nothing, and sees everything that was committed before it
/// was asked.
pub trait Query: Data + Form {
    /// Which family can answer.
    type Kind: Kind;
    /// For the network. Unique among the queries of its kind; never changes.
    const TAG: u16;
    /// The answer.
    type Reply: Data + Form;
    /// Why the entity may refuse to answer.
    type Error: Refusal;
}

/// What can be said in JSON, with a schema.
pub trait Form: serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema {}

impl<T: serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema> Form for T {}

/// An ordered collection belonging to an entity, for state too large to load whole.
pub trait Table: 'static {
    /// For people.
    const NAME: &'static str;
    /// For storage. Unique among tables and streams of its entity; never changes.
    const TAG: u8;
    /// Orders the rows. At most [`crate::limits::ROW_KEY_BYTES_MAX`] bytes.
    type Key: Key;
    /// What a row holds. At most [`crate::limits::ROW_BYTES_MAX`] bytes.
    type Row: Data + Form;
}

/// An append-only table with contiguous offsets, which clients can follow.
pub trait Stream: 'static {
    /// For people.
    const NAME: &'static str;
    /// For storage. Unique among tables and streams of its entity; never changes.
    const TAG: u8;
    /// Most items kept. Appending one more removes the oldest.
    const ITEMS_MAX: u64;
    /// What an item holds. At most [`crate::limits::ROW_BYTES_MAX`] bytes.
    type Item: Data + Form;
}

/// Position of an item in its stream, from 1, without gaps.
#[crate::data]
#[derive(Copy, Default, Ord, PartialOrd)]
pub struct Offset(pub u64);

impl Offset {
    /// Behind every item.
    pub const MAX: Self = Self(u64::MAX);
}

crate::key! { Offset(u64) }

/// The head of an entity: what is small, and needed by nearly every command.
///
/// `Default` is an entity that nobody has written to yet. Collections belong into tables.
pub trait Entity: Data + Form + Default
where
    <Self::Kind as Kind>::Commands: CommandSet<Self>,
    <Self::Kind as Kind>::Queries: QuerySet<Self>,
{
    /// The contract this state fulfils.
    type Kind: Kind;
    /// Its tables and streams, as a tuple of [`crate::registry::Rows`] and
    /// [`crate::registry::Items`].
    type Tables: TableSet;
}

/// How an entity handles one command.
pub trait Handle<C: Command>: Sized {
    /// Handles `command` as one transaction: check, then change, then tell.
    ///
    /// Must be a pure function of its arguments: it may run several times before it counts once.
    ///
    /// # Errors
    ///
    /// Returns `Err` to refuse: every effect so far, on `self` and `cx` alike, is discarded.
    fn handle(&mut self, command: C, cx: &mut Context<'_, Self>) -> Result<C::Reply, C::Error>;
}

/// How an entity answers one query.
pub trait Answer<Q: Query>: Sized {
    /// Answers from `self` and its rows.
    ///
    /// # Errors
    ///
    /// Returns `Err` when there is nothing to answer.
    fn answer(&self, query: Q, view: &Context<'_, Self>) -> Result<Q::Reply, Q::Error>;
}
