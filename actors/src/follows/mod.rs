//! Follows: whom somebody follows.
//!
//! One entity per user. It tells the author of each change, and the user's own feed.
//!
//! - [`api`]: what follows promise, with all `refusals`
//! - `follower`: one user's follows
//! - [`follow_user`]: an operation
//! - `channel`: follows as they come to whoever is there
//! - `routes`: where all of it is found

pub mod api;
mod channel;
pub mod follow_user;
mod follower;
mod refusals;
mod routes;

pub use channel::{FollowsChannel, FollowsEvent};
pub use follower::{Changes, Follower, Follows, Since};
pub use routes::routes;
