//! `roost bench`: what this machine can do, as a table for people or one line of JSON per figure.
//!
//! - `args`: the command line
//! - `figure`: what was measured
//! - `progress`: what is done now and how far it is, for people
//! - `warnings`: what goes wrong meanwhile
//! - `stopping`: somebody wants it to end
//! - `scratch`: a folder that is thrown away afterwards
//! - `counter`: what it is measured with
//! - `executor`: one shard alone, with a ledger in memory
//! - `cluster`: several nodes with all they have, but for a network
//! - [`served`]: a running cluster, as its clients see it
//! - `recovery`: the start of a node that has stored much

mod args;
pub mod cluster;
mod counter;
pub mod executor;
pub mod figure;
mod progress;
pub mod recovery;
mod scratch;
pub mod served;
mod stopping;
mod warnings;

pub use args::Bench;
