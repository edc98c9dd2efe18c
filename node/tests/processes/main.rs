//! Clusters of real processes, on real disks and sockets, that are killed and cut off.
//!
//! - `cluster`: starts processes, and does to them what happens
//! - `namespaces`: starts processes in networks of their own, and loses what they send each other
//! - `client`: sends requests to whichever node answers
//! - `author`: somebody who publishes, and what should be there then
//! - `load`: several authors who write all the time
//! - `witness`: somebody who publishes here and asks there: what is answered is never old
//! - `operator`: what operators are told, by each node
//! - `cut`: nodes are cut off from each other, under load
//! - `balancer`: one address in front of all nodes
//! - `follower`: programs of others that follow what happens
//! - `console`: the console in a browser, while the node that serves it is killed
//! - `browsed`: the page of a node in a browser, while that node is killed
//! - `followed`: clients of others follow a feed while nodes are killed
//! - `imported`: an import goes on while every node is killed
//! - `oracle`: what feeds hold then, computed again
//! - `killed`: every node is killed in turn, under load
//! - `refused`: nodes that do not belong there
//! - `observed`: what nodes say of themselves
//! - `restored`: all data folders are lost, and come back as they were copied when nodes stood still
//! - `stopped`: a node stands still for a while
//! - `wiped`: a node loses its disk

mod author;
mod balancer;
mod browsed;
mod client;
mod cluster;
mod console;
mod cut;
mod followed;
mod follower;
mod imported;
mod killed;
mod load;
mod namespaces;
mod observed;
mod operator;
#[path = "../oracle/imported.rs"]
mod oracle;
mod refused;
mod restored;
mod stopped;
mod wiped;
mod witness;
