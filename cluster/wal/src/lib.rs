//! The log of a node: one segmented write-ahead file that all its Raft groups share.
