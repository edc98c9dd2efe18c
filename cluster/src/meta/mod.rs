//! The meta group's one entity: who is in the cluster, and which node holds which shard.

pub mod api;
pub mod entity;
pub mod refusals;
pub mod roster;

pub use api::{Assignment, Cluster, Member, MetaKey, Metas, NodeRecord};
pub use entity::Meta;
pub use roster::Roster;
