//! Posts: what somebody published, and who is to learn of it.
//!
//! One entity per author. It pushes a post into the feeds of its followers: by itself when they are
//! few, through the [fan-out](crate::feeds) when they are many, and not at all when they are very
//! many; then the followers pull it when they look.
//!
//! - [`api`]: what posts promise, with all `refusals`
//! - `author`: one author
//! - [`user_counts`], [`user_posts`]: operations
//! - `channel`: an author's posts as they come to whoever is there
//! - `routes`: where all of it is found

pub mod api;
mod author;
mod channel;
mod refusals;
mod routes;
pub mod user_counts;
pub mod user_posts;

pub use author::{Archive, Author, Followers, Post, PostChange, Posted, PulledPosts};
pub use channel::{PostEvent, PostsChannel};
pub use routes::routes;
