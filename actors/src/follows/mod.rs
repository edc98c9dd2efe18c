//! Follows: whom somebody follows.
//!
//! One entity per user. It tells the author of each change, and the user's own feed.
//!
//! - [`api`]: what follows promise, with all `refusals`
//! - `follower`: one user's follows
//! - [`follow_user`]: an operation
//! - `routes`: where all of it is found

pub mod api;
pub mod follow_user;
mod follower;
mod refusals;
mod routes;

pub use follower::{Follower, Follows, Since};
pub use routes::routes;
