//! Clusters of real processes, on real disks and sockets, that are killed.
//!
//! - `cluster`: starts processes, and does to them what happens
//! - `client`: sends requests to whichever node answers
//! - `author`: somebody who publishes, and what should be there then
//! - `load`: several authors who write all the time
//! - `killed`: every node is killed in turn, under load
//! - `refused`: nodes that do not belong there
//! - `observed`: what nodes say of themselves
//! - `stopped`: a node stands still for a while
//! - `wiped`: a node loses its disk

mod author;
mod client;
mod cluster;
mod killed;
mod load;
mod observed;
mod refused;
mod stopped;
mod wiped;
