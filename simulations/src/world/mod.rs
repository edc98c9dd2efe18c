//! A cluster in one thread, on virtual time: everything that happens follows from one seed.
//!
//! In reading order:
//!
//! - [`plan`]: what a seed means: shards, limits, faults, workloads
//! - [`event`]: what can happen, and when
//! - [`call`]: a request of a client, and what it learns
//! - [`shard`]: one shard, and the nodes that believe to have it
//! - [`desk`]: its ledger with faults
//! - [`sabotage`]: faults that a correct system cannot survive, to see that they are found
//! - [`watch`]: what must be true of every record
//! - [`cluster`]: all of it, event by event
//! - [`faults`]: what goes wrong while the seed says so
//! - [`traffic`]: requests, answers and envelopes on their way
//! - [`clients`]: the client side: names, repeats, what is learned
//! - [`trace`]: a hash over everything that happened
//! - [`view`]: what a check may ask in the end
//! - [`run`]: a seed from its beginning to its report

pub mod call;
pub mod clients;
pub mod cluster;
pub mod desk;
pub mod event;
pub mod faults;
pub mod plan;
pub mod run;
pub mod sabotage;
pub mod shard;
pub mod trace;
pub mod traffic;
pub mod view;
pub mod watch;
