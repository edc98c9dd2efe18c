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
//! | [`regressions`] | seeds that once found a defect                                       |
//! | [`scenario`]  | what a seed is narrowed to: which workloads, which faults              |
//! | [`stir`]      | what a seed moves in the program itself                                |
//! | [`finding`]   | what was wrong, and who noticed                                        |
//! | [`case`]      | one seed in one of the worlds, and what is different about it          |
//! | [`timeline`]  | what happened when, to be drawn                                        |
//! | [`shrink`]    | a failure with less and less of everything                             |
//! | [`sweep`]     | one seed after another                                                 |
//! | [`tally`]     | what many seeds have reached together                                  |
//! | [`mutants`]   | what is broken on purpose, and that it is found                        |
//! | [`commands`]  | what `sim` can be told                                                 |

pub mod case;
pub mod commands;
pub mod finding;
pub mod golden;
#[cfg(test)]
mod handlers;
pub mod mutants;
pub mod nodes;
pub mod oracles;
pub mod regressions;
pub mod scenario;
pub mod shrink;
pub mod stir;
pub mod sweep;
pub mod tally;
pub mod timeline;
pub mod workloads;
pub mod world;

pub use ::chance;
