//! `roost bench`: what this machine can do, as a table for people or one line of JSON per figure.
//!
//! - `args`: the command line
//! - `figure`: what was measured
//! - `counter`: what it is measured with
//! - `executor`: one shard alone, with a ledger in memory
//! - `cluster`: several nodes with all they have, but for a network

mod args;
pub mod cluster;
mod counter;
pub mod executor;
pub mod figure;

pub use args::Bench;
