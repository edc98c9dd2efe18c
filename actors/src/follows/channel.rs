//! Follows as they come to whoever is there.

use entity::channel::Audience;
use entity::{Channel, Operating, Stop, data};

use crate::accounts::api::UserId;
use crate::follows::api::Followers;
use crate::follows::follower::Changes;

/// The channel `follows:USER`.
#[derive(Debug)]
pub enum FollowsChannel {}

/// A change of whom somebody follows.
#[data]
#[derive(Copy)]
pub enum FollowsEvent {
    /// Somebody is followed from now on.
    Followed {
        /// Who.
        user: UserId,
    },
    /// Somebody is followed no more.
    Unfollowed {
        /// Who.
        user: UserId,
    },
}

impl Channel for FollowsChannel {
    const NAME: &'static str = "follows";
    const KEY: &'static str = "user";
    const ABOUT: &'static str =
        "Whom the user begins and ceases to follow, on whatever device it happens.";
    const AUDIENCE: Audience = Audience::Owner;
    type Kind = Followers;
    type Stream = Changes;
    type Shown = FollowsEvent;

    fn show(items: &[FollowsEvent], _: &mut Operating<'_>) -> Result<Vec<FollowsEvent>, Stop> {
        Ok(items.to_vec())
    }
}
