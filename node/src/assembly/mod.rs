//! A node of a cluster, put together.
//!
//! - `plan`: what it is made of, and why it does not start
//! - `running`: its threads, its start and its end

mod plan;
mod running;

pub use plan::{Plan, StartError};
pub use running::Running;
