//! Several nodes in one process, with logs and rows on disk and a network in memory.
//!
//! - `load`: founds, drives commands or stays idle, and tells what it took
//! - `nodes`: the nodes, from their start to their end
//! - `clients`: who sends commands, and how long each takes
//! - `network`: messages from node to node
//! - `tally`: what is counted

mod clients;
mod load;
mod network;
mod nodes;
mod tally;

pub use load::{BenchError, Load, run};
