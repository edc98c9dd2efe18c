//! A node to test, and how tests speak with it.
//!
//! - `http`: requests and answers, byte by byte
//! - `machine`: what tests get from the machine they run on
//! - `node`: a node that is a cluster alone, on ports and in a folder of its own
//! - `probe`: a kind and operations made for tests
//! - `wire`: a WebSocket, byte by byte

mod http;
mod machine;
mod node;
mod probe;
mod wire;

pub(crate) use http::{Answer, Ask, ask};
pub(crate) use machine::{folder, variable};
pub(crate) use node::{Rig, User, quick, rig};
pub(crate) use wire::{Wire, frame};
