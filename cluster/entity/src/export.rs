//! What `#[data]` writes into other crates. Not for people.

pub use {rkyv, schemars, serde};

pub use crate::data::{read, view, write};
