//! A node of a cluster, put together.
//!
//! - `plan`: what it is made of, and why it does not start
//! - `disk`: how much room is left
//! - `stamp`: whose data folder it is
//! - `line`: the way to the other nodes, over QUIC
//! - `running`: its threads, its start and its end

mod disk;
mod line;
mod plan;
mod running;
mod stamp;

pub use line::{Line, over_quic, say_nothing};
pub use plan::{Connect, LogFolder, OnFailure, Plan, Room, StartError};
pub use running::{Running, die};
pub use stamp::{FORMAT, Founder, Founding, Stamp, StampError};
