//! Roost under test: golden transcripts of services, and a simulated cluster.
//!
//! | module        | says                                                                   |
//! |---------------|------------------------------------------------------------------------|
//! | [`golden`]    | scripts of services and what each line came to, record by record       |
//! | [`chance`]    | random numbers: one stream for each purpose, all from one seed         |
//! | [`oracles`]   | what is true of a whole history, and not only of its end               |
//! | [`workloads`] | load with a check: what clients do, and what must be true in the end   |
//! | [`world`]     | shards, clients and a network in one thread, on virtual time           |
//! | [`nodes`]     | whole nodes in one thread: Raft, log and executors, disks and clocks   |
//! | [`sweep`]     | one seed after another                                                 |

pub mod golden;
#[cfg(test)]
mod handlers;
pub mod nodes;
pub mod oracles;
pub mod sweep;
pub mod workloads;
pub mod world;

pub use ::chance;
