//! What feeds promise to the rest of the system.

use std::time::Duration;

use entity::{Command, Kind, Never, Offset, Query, data};

use crate::accounts::api::UserId;
pub use crate::feeds::cursor::Cursor;
pub use crate::feeds::refusals::{FollowersPageError, HomeFeedError, SpreadError};
use crate::page::PageLimit;
use crate::posts::api::PostId;

/// The family of feeds, one per user.
#[derive(Debug)]
pub enum Feeds {}

impl Kind for Feeds {
    const NAME: &'static str = "feeds.feed";
    const TAG: u16 = 30;
    type Key = FeedId;
    type Commands = (Deliver, AuthorFollowed, AuthorUnfollowed, AuthorPulled, Withdraw);
    type Queries = (Page, PulledAuthors);
}

/// The family of fan-outs, one per author.
#[derive(Debug)]
pub enum FanOuts {}

impl Kind for FanOuts {
    const NAME: &'static str = "feeds.fan_out";
    const TAG: u16 = 31;
    type Key = FanOutId;
    type Commands =
        (Spread, AnnouncePulled, FollowersPage, ListingRefused, ListAgain, SpreadWithdrawn);
    type Queries = (Backlog,);
}

/// Names a user as the owner of a feed. Lives where the user's account lives.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct FeedId(pub UserId);

/// Names an author as the source of pushes. Lives where the author's account lives.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct FanOutId(pub UserId);

entity::key! { FeedId(UserId) FanOutId(UserId) }

/// Most items that a feed keeps: nobody reads on for longer than that.
pub const ITEMS_MAX: u64 = 4_096;

/// Most items that one [`Page`] looks at. Items of authors who were unfollowed are passed over, and
/// a page must not become a walk through the whole feed because of them.
pub const EXAMINED_MAX: usize = 1_000;

/// Most authors that a feed pulls from. Each of them is asked for every page.
pub const PULLED_AUTHORS_MAX: usize = 200;

/// Most pushes that one author's fan-out has before it. Even for ten million followers, a day's work.
pub const TASKS_MAX: u64 = 10_000;

/// How long a fan-out waits before it asks again for followers that it was refused.
pub const LISTING_RETRY: Duration = Duration::from_secs(1);

/// Puts a post into the feed. Two deliveries are two items: links deliver exactly once.
#[data]
pub struct Deliver {
    /// Who published it.
    pub author: UserId,
    /// Which post.
    pub post: PostId,
}

impl Command for Deliver {
    type Kind = Feeds;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = Never;
}

/// Tells whoever follows the feed that a post which was delivered is deleted. A repeat tells it again.
#[data]
pub struct Withdraw {
    /// Who published it.
    pub author: UserId,
    /// Which post.
    pub post: PostId,
}

impl Command for Withdraw {
    type Kind = Feeds;
    const TAG: u16 = 5;
    type Reply = ();
    type Error = Never;
}

/// Tells that the user follows an author: items of theirs are shown. A repeat changes nothing.
#[data]
pub struct AuthorFollowed {
    /// Whom.
    pub author: UserId,
}

impl Command for AuthorFollowed {
    type Kind = Feeds;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = Never;
}

/// Tells that the user does not follow an author any more: items of theirs are passed over. A repeat
/// changes nothing.
#[data]
pub struct AuthorUnfollowed {
    /// Whom.
    pub author: UserId,
}

impl Command for AuthorUnfollowed {
    type Kind = Feeds;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = Never;
}

/// Tells that an author has posts which are not pushed. A repeat changes nothing.
///
/// It counts only while the author is followed, but is kept in any case: it comes from the author,
/// and may overtake the [`AuthorFollowed`] that comes from the follower.
#[data]
pub struct AuthorPulled {
    /// Which author.
    pub author: UserId,
}

impl Command for AuthorPulled {
    type Kind = Feeds;
    const TAG: u16 = 4;
    type Reply = ();
    type Error = Never;
}

/// Asks for what was pushed, newest first: items of authors who are followed now, and the user's own.
#[data]
pub struct Page {
    /// Begins with the first item before this one, with the newest when not given.
    pub before: Option<Offset>,
    /// Most items wanted. There may be fewer although more follow: see [`EXAMINED_MAX`].
    #[serde(default)]
    pub limit: PageLimit,
}

impl Query for Page {
    type Kind = Feeds;
    const TAG: u16 = 1;
    type Reply = FeedPage;
    type Error = Never;
}

/// Some of a feed's items.
#[data]
pub struct FeedPage {
    /// Newest first, at most as many as wanted.
    pub items: Vec<FeedEntry>,
    /// Where to go on (`before`), when there are more.
    pub next: Option<Offset>,
}

/// An item of a feed.
#[data]
#[derive(Copy)]
pub struct FeedEntry {
    /// Its place in the feed.
    pub offset: Offset,
    /// Who published it.
    pub author: UserId,
    /// Which post.
    pub post: PostId,
}

/// Asks which of the authors who are followed have posts that are not pushed.
#[data]
pub struct PulledAuthors {}

impl Query for PulledAuthors {
    type Kind = Feeds;
    const TAG: u16 = 2;
    type Reply = PulledAuthorList;
    type Error = Never;
}

/// Authors to pull from.
#[data]
pub struct PulledAuthorList {
    /// In the order of their ids, at most [`PULLED_AUTHORS_MAX`].
    pub authors: Vec<UserId>,
}

/// Pushes a post into the feeds of all followers, page by page, after what came before it.
#[data]
pub struct Spread {
    /// Which post of the author.
    pub post: PostId,
}

impl Command for Spread {
    type Kind = FanOuts;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = SpreadError;
}

/// Tells the feeds of all followers that a post is deleted, page by page, after what came before it.
#[data]
pub struct SpreadWithdrawn {
    /// Which post of the author.
    pub post: PostId,
}

impl Command for SpreadWithdrawn {
    type Kind = FanOuts;
    const TAG: u16 = 6;
    type Reply = ();
    type Error = SpreadError;
}

/// Tells the feeds of all followers that the author has posts to pull, page by page, after what came
/// before it.
#[data]
pub struct AnnouncePulled {}

impl Command for AnnouncePulled {
    type Kind = FanOuts;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = SpreadError;
}

/// Brings the followers that were asked for, by a [`ListFollowers`](crate::posts::api::ListFollowers).
#[data]
pub struct FollowersPage {
    /// Behind whom the page begins.
    pub after: Option<UserId>,
    /// In the order of their ids, at most
    /// [`FOLLOWERS_PAGE_MAX`](crate::posts::api::FOLLOWERS_PAGE_MAX).
    pub followers: Vec<UserId>,
    /// Behind whom the next page begins, when there is one.
    pub next: Option<UserId>,
}

impl Command for FollowersPage {
    type Kind = FanOuts;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = FollowersPageError;
}

/// Tells that the followers asked for could not be listed: the fan-out asks again after
/// [`LISTING_RETRY`].
#[data]
pub struct ListingRefused {}

impl Command for ListingRefused {
    type Kind = FanOuts;
    const TAG: u16 = 4;
    type Reply = ();
    type Error = Never;
}

/// Asks again for the followers. The fan-out sends this to itself after a [`ListingRefused`].
#[data]
pub struct ListAgain {}

impl Command for ListAgain {
    type Kind = FanOuts;
    const TAG: u16 = 5;
    type Reply = ();
    type Error = Never;
}

/// Asks how many pushes wait, the one in hand included.
#[data]
pub struct Backlog {}

impl Query for Backlog {
    type Kind = FanOuts;
    const TAG: u16 = 1;
    type Reply = BacklogSize;
    type Error = Never;
}

/// How many pushes wait.
#[data]
pub struct BacklogSize {
    /// At most [`TASKS_MAX`].
    pub tasks: u64,
}
