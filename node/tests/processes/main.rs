//! Clusters of real processes, on real disks and sockets, that are killed.
//!
//! - `cluster`: starts processes, and does to them what happens
//! - `client`: sends requests to whichever node answers
//! - `killed`: every node is killed in turn, under load

mod client;
mod cluster;
mod killed;
