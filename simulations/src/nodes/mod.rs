//! Whole nodes in one thread, on virtual time: real Raft, real log, real executors, simulated disks,
//! clocks and network. Everything that happens follows from one seed.
//!
//! In reading order:
//!
//! - [`plan`]: what a seed means: nodes, shards, limits, faults, workloads
//! - [`machine`]: one machine: its disk, its clock, and the node that runs on it
//! - [`net`]: messages between nodes, with delay, loss and cuts
//! - [`watch`]: what must be true of every entry that any replica applies
//! - [`load`]: clients, and what they learn
//! - [`readers`]: what nodes follow and keep
//! - [`sockets`]: clients of the gateway, who are connected and come back
//! - [`mishap`]: what goes wrong while the seed says so
//! - [`cluster`]: all of it
//! - [`ending`]: what must be true when everything has settled
//! - [`run`]: a seed from its beginning to its report

pub mod cluster;
pub mod ending;
pub mod load;
pub mod machine;
pub mod mishap;
pub mod net;
pub mod plan;
pub mod readers;
pub mod run;
pub mod sockets;
pub mod watch;
