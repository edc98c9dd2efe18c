//! `roost bench`: what this machine can do, as a table for people or one line of JSON per figure.
//!
//! - `args`: the command line
//! - `figure`: what was measured
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
pub mod recovery;
pub mod served;

pub use args::Bench;
