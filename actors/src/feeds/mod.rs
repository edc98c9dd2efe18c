//! Feeds: what is new for somebody.
//!
//! A feed keeps ids of posts, not posts: what it shows is read from the authors at the time of
//! reading, or a second before, so that a deleted post is soon gone everywhere. Posts come into a feed by being
//! pushed; those of authors with very many followers are pulled when the user looks.
//!
//! - [`api`]: what feeds promise, with all `refusals` and the [position of a reader](cursor)
//! - `feed`: one user's feed; `fan_out`: one author's pushes to many feeds
//! - [`home_feed`]: an operation, with the order of its items in `merge` and their texts from
//!   `hydrate`
//! - `channel`: a feed as it comes to whoever is there
//! - `routes`: where all of it is found

pub mod api;
mod channel;
pub mod cursor;
mod fan_out;
mod feed;
pub mod home_feed;
mod hydrate;
mod merge;
mod refusals;
mod routes;

pub use channel::{FeedChannel, FeedEvent};
pub use fan_out::{FanOut, Task, Tasks};
pub use feed::{Feed, FeedItem, FollowedAuthors, PulledFrom, Pushed};
pub use routes::routes;
