//! Whole nodes in one thread, on virtual time: real Raft, real log, real executors, simulated disks,
//! clocks and network. Everything that happens follows from one seed.
//!
//! In reading order:
//!
//! - [`plan`]: what a seed means: nodes, shards, limits, faults, workloads
//! - [`faults`]: what goes wrong, and how much of it
//! - [`machine`]: one machine: its disk, its clock, and the node that runs on it
//! - [`net`]: messages between nodes, with delay, loss and cuts
//! - [`watch`]: what must be true of every entry that any replica applies
//! - [`laws`]: the laws of Raft, looked at from outside; `matching`: one of them
//! - [`load`]: clients, and what they learn
//! - [`readers`]: what nodes follow and keep
//! - [`sockets`]: clients of the gateway, who are connected and come back
//! - [`mishap`]: what goes wrong while the seed says so
//! - `power`: power that fails, and what disks hold when it is back
//! - `atlas`: what may be hurt, and when
//! - [`bustle`]: how busy it is
//! - [`recorder`]: keeps what happens, to be drawn
//! - [`cluster`]: all of it
//! - `survivors`: who goes on when nothing goes wrong any more, and what becomes of the rest
//! - `replicas`: copies that have applied the same are the same
//! - [`ending`]: what must be true when everything has settled
//! - [`run`]: a seed from its beginning to its report

mod atlas;
pub mod bustle;
pub mod cluster;
pub mod ending;
pub mod faults;
pub mod laws;
pub mod load;
pub mod machine;
mod matching;
pub mod mishap;
pub mod net;
pub mod plan;
mod power;
pub mod readers;
pub mod recorder;
mod replicas;
pub mod run;
pub mod sockets;
mod survivors;
pub mod watch;
