//! A running cluster, as its clients see it.
//!
//! - [`broadcast`]: how quickly a post reaches very many sockets
//! - [`durable`]: how many small commands it commits, and how long each takes
//! - [`failover`]: how long shards are away when a node is killed, and whether anything is lost
//! - [`feed`]: how quickly posts reach the sockets of all followers
//! - [`restart`]: how long a node with much data takes to be back, and what clients notice
//! - [`sockets`]: what connections cost that say nothing
//! - `target`: which cluster: one that runs, or one that is started for this
//! - `spawned`: the processes of the latter
//! - `map`: who leads what
//! - `way`: requests over HTTP, over sockets, or to etcd
//! - `http`, `socket`, `etcd`: each of them
//! - `wire`: a socket, with TLS or without
//! - `publishing`: posts, and how each of them arrives
//! - `audience`: sockets that follow channels
//! - `reader`: one of them
//! - `nodes`: nodes that come and go
//! - `pace`: when commands are sent
//! - `members`: an etcd cluster that is started to compare with
//! - `latency`: how long things took

pub mod broadcast;
pub mod durable;
pub mod failover;
pub mod feed;
pub mod restart;
pub mod sockets;

mod audience;
mod etcd;
mod http;
mod latency;
mod map;
mod members;
mod nodes;
mod pace;
mod publishing;
mod reader;
mod socket;
mod spawned;
mod target;
mod way;
mod wire;

pub(in crate::bench) use target::ServedError;
