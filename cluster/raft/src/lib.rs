//! Shards replicated by Raft: the one crate that knows openraft.
