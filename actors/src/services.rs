//! All services together, for whoever runs them.

use entity::registry::Registry;
use entity::{ChannelType, Route};

use crate::accounts::{Account, Holder};
use crate::feeds::{FanOut, Feed, FeedChannel};
use crate::follows::{Follower, FollowsChannel};
use crate::posts::{Author, PostsChannel};
use crate::{accounts, feeds, follows, posts};

/// Adds every entity, in the order of their tags.
pub fn register(registry: &mut Registry) {
    registry.add::<Account>();
    registry.add::<Holder>();
    registry.add::<Follower>();
    registry.add::<Author>();
    registry.add::<Feed>();
    registry.add::<FanOut>();
}

/// Every route of every service.
pub fn routes() -> Vec<Route> {
    [accounts::routes(), follows::routes(), posts::routes(), feeds::routes()]
        .into_iter()
        .flatten()
        .collect()
}

/// Every channel of every service.
pub fn channels() -> Vec<ChannelType> {
    vec![
        ChannelType::of::<FollowsChannel>(),
        ChannelType::of::<PostsChannel>(),
        ChannelType::of::<FeedChannel>(),
    ]
}
