//! What operators ask a running cluster.
//!
//! - [`status`]: `roost status`: the nodes
//! - [`shards`]: `roost shards`: the shards and their copies
//! - [`finalize`]: `roost finalize`: the end of an upgrade
//! - [`token`]: `roost token`: what operators prove themselves with
//! - [`asking`]: where to ask, and how to prove who asks
//! - `table`: columns for people

pub mod asking;
pub mod finalize;
pub mod shards;
pub mod status;
mod table;
pub mod token;
