//! Shards in memory, driven by hand: requests go in, time passes when told, what leaves is kept.

pub(crate) mod kinds;
pub(crate) mod world;
