//! What a node does for its cluster: supervision, routing, placement, links.
pub mod client;
pub mod clock;
mod compactor;
mod detector;
mod driver;
pub mod follow;
pub mod host;
mod leaders;
mod life;
mod membership;
pub mod meta;
pub mod node;
mod open;
pub mod report;
pub mod router;
pub mod shard;
pub mod supervisor;
pub mod wire;
