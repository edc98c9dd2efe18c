//! Posts: what somebody published, and who is to learn of it.
//!
//! One entity per author. It pushes a post into the feeds of its followers: by itself when they are
//! few, through the [fan-out](crate::feeds) when they are many, and not at all when they are very
//! many; then the followers pull it when they look.
//!
//! - [`api`]: what posts promise, with all `refusals`
//! - `author`: one author
//! - [`user_posts`]: an operation
//! - `routes`: where all of it is found

pub mod api;
mod author;
mod refusals;
mod routes;
pub mod user_posts;

pub use author::{Archive, Author, Followers, Post, PulledPosts};
pub use routes::routes;
