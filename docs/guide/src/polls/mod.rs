//! Polls: questions that everybody may answer once, until they close by themselves.
//!
//! - [`api`]: what polls promise, with all `refusals`
//! - `poll`: one poll, with its votes
//! - `pollster`: one user's own polls
//! - [`open_poll`]: an operation
//! - `channel`: a poll as it comes to whoever is there
//! - `routes`: where all of it is found

pub mod api;
mod channel;
pub mod open_poll;
mod poll;
mod pollster;
mod refusals;
mod routes;

pub use channel::{PollChannel, PollEvent};
pub use poll::{Changes, Poll, Votes};
pub use pollster::{Opened, Pollster};
pub use routes::routes;
