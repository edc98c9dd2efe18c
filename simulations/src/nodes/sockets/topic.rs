//! What devices follow.

use actors::accounts::api::UserId;
use actors::feeds::Pushed;
use actors::feeds::api::{FeedId, Feeds};
use actors::follows::Changes;
use actors::follows::api::{FollowerId, Followers};
use actors::posts::Posted;
use actors::posts::api::{AuthorId, Authors};
use cluster::stream::StreamId;
use entity::{Address, Key, Kind, Stream};

/// A channel that every device follows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Topic {
    /// What is new for the user.
    Feed,
    /// Whom the user begins and ceases to follow.
    Follows,
    /// What the next user publishes and deletes.
    Posts,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Feed, Self::Follows, Self::Posts];

    /// Whose channel the devices of a user follow, of so many users.
    pub fn owner(self, user: usize, users: usize) -> usize {
        match self {
            Self::Feed | Self::Follows => user,
            Self::Posts => (user + 1) % users,
        }
    }

    /// What clients call that of a user.
    pub fn channel(self, owner: UserId) -> String {
        match self {
            Self::Feed => format!("feed:{owner}"),
            Self::Follows => format!("follows:{owner}"),
            Self::Posts => format!("posts:{owner}"),
        }
    }

    /// The stream behind it.
    pub fn stream(self, owner: UserId) -> StreamId {
        let (kind, key, stream) = match self {
            Self::Feed => (Feeds::TAG, FeedId(owner).to_bytes(), Pushed::TAG),
            Self::Follows => (Followers::TAG, FollowerId(owner).to_bytes(), Changes::TAG),
            Self::Posts => (Authors::TAG, AuthorId(owner).to_bytes(), Posted::TAG),
        };
        StreamId { entity: Address { kind, key }, stream }
    }
}
