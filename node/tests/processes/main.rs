//! Clusters of real processes, on real disks and sockets, that are killed and cut off.
//!
//! - `cluster`: starts processes, and does to them what happens
//! - `client`: sends requests to whichever node answers
//! - `author`: somebody who publishes, and what should be there then
//! - `load`: several authors who write all the time
//! - `faults`: disks, clocks and networks fail
//! - `balancer`: one address in front of all nodes
//! - `follower`: programs of others that follow what happens
//! - `browsed`: the page of a node in a browser, while that node is killed
//! - `followed`: clients of others follow a feed while nodes are killed
//! - `killed`: every node is killed in turn, under load
//! - `refused`: nodes that do not belong there
//! - `observed`: what nodes say of themselves
//! - `stopped`: a node stands still for a while
//! - `wiped`: a node loses its disk

mod author;
mod balancer;
mod browsed;
mod client;
mod cluster;
mod faults;
mod followed;
mod follower;
mod killed;
mod load;
mod observed;
mod refused;
mod stopped;
mod wiped;
