//! What devices follow.

use actors::accounts::api::UserId;
use actors::feeds::Pushed;
use actors::feeds::api::{FeedId, Feeds};
use actors::follows::Changes;
use actors::follows::api::{FollowerId, Followers};
use cluster::stream::StreamId;
use entity::{Address, Key, Kind, Stream};

/// A channel that every device follows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Topic {
    /// What is new for the user.
    Feed,
    /// Whom the user begins and ceases to follow.
    Follows,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Feed, Self::Follows];

    /// What clients call that of a user.
    pub fn channel(self, user: UserId) -> String {
        match self {
            Self::Feed => format!("feed:{user}"),
            Self::Follows => format!("follows:{user}"),
        }
    }

    /// The stream behind it.
    pub fn stream(self, user: UserId) -> StreamId {
        match self {
            Self::Feed => {
                let entity = Address { kind: Feeds::TAG, key: FeedId(user).to_bytes() };
                StreamId { entity, stream: Pushed::TAG }
            }
            Self::Follows => {
                let entity = Address { kind: Followers::TAG, key: FollowerId(user).to_bytes() };
                StreamId { entity, stream: Changes::TAG }
            }
        }
    }
}
