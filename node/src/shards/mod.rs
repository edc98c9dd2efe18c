//! The shards of this node: threads that run them, and how requests get there.
//!
//! - `client`: sends requests to shards
//! - `start`: starts and stops the threads
//! - `worker`: one thread and its shards
//! - `waiters`: who waits for which answer

mod client;
mod start;
mod waiters;
mod worker;

pub use client::{Client, ShardStatus};
pub use start::Shards;
