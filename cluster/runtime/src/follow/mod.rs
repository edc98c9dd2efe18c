//! Following shards: streams are pushed to the nodes that want them, and what a node has read of
//! entities is kept as long as their shard says that they have not changed.
//!
//! A node opens one *session* with each shard that it follows anything of. The leader sends numbered
//! *frames*; three times a second the node asks how many it should have got. The answer passes through
//! the shard like every question, so it also proves that the leader was still the leader after the node
//! had asked: a frame that was lost, a leader that was replaced and one that is cut off are all noticed
//! within a second, by the clock of the node alone.
//!
//! - [`message`]: what the two sides say
//! - `audience`: the side of the leader
//! - `source`: a shard as the node follows it
//! - [`follower`]: all that a node follows
//! - `cache`: answers that are still true

pub(crate) mod audience;
pub(crate) mod cache;
pub mod follower;
pub mod message;
pub(crate) mod source;

pub use source::Event;
