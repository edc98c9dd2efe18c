//! The entity model: what a service is written on. No I/O, no runtime, no clock.
//!
//! An entity is a key, its state, and commands handled one at a time. In reading order:
//!
//! | module        | says                                                                    |
//! |---------------|-------------------------------------------------------------------------|
//! | [`kind`]      | a family of entities and its contract: commands, queries, tables        |
//! | [`context`]   | what a handler may know and do                                          |
//! | [`limits`]    | every limit of the model, with unit and reason                          |
//! | [`refusal`]   | why a command was refused, with a stable code                           |
//! | [`mod@data`]  | values with a versioned, validated stored form                          |
//! | [`mod@key`]   | keys whose bytes sort as the values do                                  |
//! | [`time`], [`id`] | hybrid logical time; ids that are unique without trusting a clock    |
//! | [`caller`]    | who asks                                                                |
//! | [`digest`]    | SHA-256, for secrets that only their owner may know                     |
//! | [`header`]    | the header in front of everything that stands alone                     |
//! | [`transaction`] | one run of a handler, its types forgotten: reads, effects, limits     |
//! | [`registry`]  | kinds with their types forgotten, for whoever runs them                 |
//! | [`operation`] | what the outside may ask for: asks and calls of entities, run again until all is known |
//! | [`route`]     | where an operation is found: method, path, schema                       |
//! | [`channel`]   | what clients follow: streams, and how their items are shown            |
//! | [`setting`]   | numbers that an operator may change                                     |

extern crate self as entity;

pub mod caller;
pub mod channel;
pub mod context;
pub mod data;
pub mod digest;
pub mod export;
pub mod header;
pub mod id;
pub mod key;
pub mod kind;
pub mod limits;
pub mod operation;
pub mod refusal;
pub mod registry;
pub mod route;
pub mod setting;
pub mod time;
pub mod transaction;

pub use caller::{Address, Caller};
pub use channel::{Channel, ChannelType};
pub use context::Context;
pub use data::{Data, DataError, Never, Release, Upgrade};
pub use entity_derive::data;
pub use id::Id;
pub use key::Key;
pub use kind::{Answer, Command, Durability, Entity, Handle, Kind, Offset, Query, Stream, Table};
pub use operation::{Operating, Operation, Stop};
pub use refusal::{Problem, ProblemClass, Refusal};
pub use route::{Method, Route};
pub use setting::Setting;
pub use time::Time;
