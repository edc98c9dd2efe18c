//! What a node does for its cluster: supervision, routing, placement, links.
pub mod supervisor;
