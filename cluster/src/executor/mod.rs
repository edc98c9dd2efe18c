//! Runs the entities of one shard and commits what they do.
//!
//! A plain state machine: inputs and a moment go in, outputs come out, and the shard's history is
//! known only through [`crate::ledger::Ledger`]. It has no clock, thread or task of its own.
//!
//! One activation lives through three phases: it claims the shard, loads what has to be in memory,
//! and serves until it loses the fence. In reading order:
//!
//! - `shard`: the state machine's face: inputs, steps, outputs
//! - `turns`: whose turn it is: work in order, and what waits for a row
//! - `commands`: one request, from name to answer
//! - `run`: one run of a handler
//! - `messages`: one message of a link, one wake-up
//! - `operate`: what the shard itself does for operators
//! - `effects`: what a handler did becomes part of the open record
//! - `batch`: the open record, and those in flight
//! - `waiting`: answers wait until all that they saw is durable
//! - `view`, `overlay`: what a handler reads: committed rows under uncommitted ones
//! - `queue`: what waits to be handled, and what waits for a row
//! - `entities`: entities in memory
//! - `replies`: replies to commands of ours; `keys`: those under an `Idempotency-Key`
//! - `outbox`, `inbox`: the two ends of links
//! - `loading`: taking over
//! - `stored`: layouts of what the executor itself keeps
//! - `knobs`: limits, adjustable for tests

mod batch;
mod commands;
mod effects;
mod entities;
mod inbox;
mod keys;
mod knobs;
mod loading;
mod messages;
mod operate;
mod outbox;
mod overlay;
mod queue;
mod replies;
mod run;
mod shard;
mod stored;
mod turns;
mod view;
mod waiting;

pub use knobs::Knobs;
pub use shard::{Admission, Executor, Input, Output, Setup, Status};
