//! What follows promise to the rest of the system.

use entity::{Command, Kind, Never, Query, Time, data};

use crate::accounts::api::UserId;
pub use crate::follows::refusals::FollowError;
use crate::page::PageLimit;

/// The family of followers, one per user.
#[derive(Debug)]
pub enum Followers {}

impl Kind for Followers {
    const NAME: &'static str = "follows.follower";
    const TAG: u16 = 10;
    type Key = FollowerId;
    type Commands = (Follow, Unfollow);
    type Queries = (Following, Counts);
}

/// Names a user as a follower. Lives where the user's account lives.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct FollowerId(pub UserId);

entity::key! { FollowerId(UserId) }

/// Most users that one user follows. Bounds what a feed has to tell apart.
pub const FOLLOWING_MAX: u32 = 10_000;

/// Most changes that are kept for clients that come back. Who has missed more reads the list.
pub const CHANGES_MAX: u64 = 256;

/// Begins to follow a user: their posts come into the feed. A repeat changes nothing.
#[data]
pub struct Follow {
    /// Whom.
    pub user: UserId,
}

impl Command for Follow {
    type Kind = Followers;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = FollowError;
}

/// Ceases to follow a user: their posts leave the feed. A repeat changes nothing.
#[data]
pub struct Unfollow {
    /// Whom.
    pub user: UserId,
}

impl Command for Unfollow {
    type Kind = Followers;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = Never;
    const FREES_SPACE: bool = true;
}

/// Asks whom the user follows, in the order of their ids.
#[data]
pub struct Following {
    /// Begins behind this user, with the first one when not given.
    pub after: Option<UserId>,
    /// Most users wanted: 1 to 100, 20 when not given.
    #[serde(default)]
    pub limit: PageLimit,
}

impl Query for Following {
    type Kind = Followers;
    const TAG: u16 = 1;
    type Reply = FollowingPage;
    type Error = Never;
}

/// Some of the users that a user follows.
#[data]
pub struct FollowingPage {
    /// In the order of their ids, at most as many as wanted.
    pub users: Vec<Followed>,
    /// Where to go on (`after`), when there are more.
    pub next: Option<UserId>,
}

/// A user who is followed.
#[data]
pub struct Followed {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub since: Time,
}

/// Asks how many users the user follows.
#[data]
pub struct Counts {}

impl Query for Counts {
    type Kind = Followers;
    const TAG: u16 = 2;
    type Reply = FollowerCounts;
    type Error = Never;
}

/// How many users a user follows.
#[data]
pub struct FollowerCounts {
    /// At most [`FOLLOWING_MAX`].
    pub following: u32,
}
