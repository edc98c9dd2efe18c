//! The service of `docs/write-a-service.md`, so that what stands there is compiled and simulated.
//!
//! Its files are as they would be in `actors/src`: they find the other services under the same names.

pub mod polls;
mod services;

pub use actors::accounts;
pub use services::{channels, register, routes};
