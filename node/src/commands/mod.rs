//! Commands that start nodes.
//!
//! - [`node`]: `roost node`: one node of a cluster
//! - [`dev`]: `roost dev`: a cluster on this machine, each node a process of its own
//! - `children`: the processes of `roost dev`
//! - `demo`: a few people for trying it out
//! - `places`: where those processes are found, the same whenever they start
//! - `log`: what a process logs, and how
//! - `process`: what a process checks, opens and listens to before anything else
//! - `tls`: the certificate of `roost dev`
//! - `error`: why a command fails

mod children;
mod demo;
pub mod dev;
mod error;
mod log;
pub mod node;
mod places;
mod process;
mod tls;

pub use error::CommandError;
