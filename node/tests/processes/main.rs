//! Clusters of real processes, on real disks and sockets, that are killed and cut off.
//!
//! - `cluster`: starts processes, and does to them what happens
//! - `client`: sends requests to whichever node answers
//! - `author`: somebody who publishes, and what should be there then
//! - `load`: several authors who write all the time
//! - `faults`: disks, clocks and networks fail
//! - `balancer`: one address in front of all nodes
//! - `bench`: figures of a cluster that is started for them, and gone afterwards
//! - `follower`: programs of others that follow what happens
//! - `console`: the console in a browser, while the node that serves it is killed
//! - `browsed`: the page of a node in a browser, while that node is killed
//! - `followed`: clients of others follow a feed while nodes are killed
//! - `imported`: an import goes on while every node is killed
//! - `oracle`: what feeds hold then, computed again
//! - `killed`: every node is killed in turn, and two of five at once, under load
//! - `interrupted`: somebody presses Ctrl-C
//! - `doubled`: two processes with one identity
//! - `refused`: nodes that do not belong there
//! - `observed`: what nodes say of themselves
//! - `restored`: all data folders are lost, and come back as they were copied when nodes stood still
//! - `stopped`: a node stands still for a while
//! - `two`: two nodes say what they can do, and do it
//! - `told`: what operators are told by commands
//! - `wiped`: a node loses its disk

mod author;
mod balancer;
mod bench;
mod browsed;
mod client;
mod cluster;
mod console;
mod doubled;
mod faults;
mod followed;
mod follower;
mod imported;
mod interrupted;
mod killed;
mod load;
mod observed;
#[path = "../oracle/imported.rs"]
mod oracle;
mod refused;
mod restored;
mod stopped;
mod told;
mod two;
mod wiped;
