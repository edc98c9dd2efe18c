//! Commands that start nodes.
//!
//! - [`node`]: `roost node`: one node of a cluster
//! - [`dev`]: `roost dev`: a cluster on this machine, each node a process of its own
//! - `children`: the processes of `roost dev`
//! - `places`: where those processes are found, the same whenever they start
//! - `common`: what both need: errors, signals, the log

mod children;
mod common;
pub mod dev;
pub mod node;
mod places;

pub use common::CommandError;
