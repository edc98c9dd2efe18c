//! `roost bench`: what this machine can do, as a table for people or one line of JSON per figure.
//!
//! - `args`: the command line
//! - `figure`: what was measured
//! - `executor`: one shard alone, with a ledger in memory

mod args;
pub mod executor;
pub mod figure;

pub use args::Bench;
