//! A feed as it comes to whoever is there.

use std::collections::BTreeMap;

use entity::channel::Audience;
use entity::{Channel, Operating, Stop, data};

use crate::accounts::api::UserId;
use crate::feeds::api::Feeds;
use crate::feeds::feed::{FeedItem, Pushed};
use crate::feeds::home_feed::HomeItem;
use crate::feeds::hydrate::Hydrated;
use crate::feeds::merge::Candidate;
use crate::posts::api::PostId;

/// The channel `feed:USER`.
#[derive(Debug)]
pub enum FeedChannel {}

/// What has come into a feed, or left it.
#[data]
pub enum FeedEvent {
    /// A post has come.
    Post(HomeItem),
    /// A post has left: its author has deleted it, perhaps before it came.
    Withdrawn {
        /// Which post.
        post: PostId,
        /// Who had published it.
        author: UserId,
    },
}

impl Channel for FeedChannel {
    const NAME: &'static str = "feed";
    const KEY: &'static str = "user";
    const ABOUT: &'static str =
        "The user's own feed, as far as it is pushed. What is pulled comes with pages only.";
    const AUDIENCE: Audience = Audience::Owner;
    type Kind = Feeds;
    type Stream = Pushed;
    type Shown = FeedEvent;

    fn show(items: &[FeedItem], cx: &mut Operating<'_>) -> Result<Vec<FeedEvent>, Stop> {
        let candidates = items.iter().filter_map(|it| match *it {
            FeedItem::Post { author, post } => Some(Candidate { author, post }),
            FeedItem::Withdrawn { .. } => None,
        });
        let mut hydrated = Hydrated::default();
        hydrated.add(&candidates.collect::<Vec<_>>(), cx)?;
        let posts: BTreeMap<PostId, HomeItem> =
            hydrated.items.into_iter().map(|it| (it.post, it)).collect();
        let shown = items.iter().map(|it| match *it {
            FeedItem::Post { author, post } => match posts.get(&post) {
                Some(item) => FeedEvent::Post(item.clone()),
                None => FeedEvent::Withdrawn { post, author },
            },
            FeedItem::Withdrawn { author, post } => FeedEvent::Withdrawn { post, author },
        });
        Ok(shown.collect())
    }
}
