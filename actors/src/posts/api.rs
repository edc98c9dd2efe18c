//! What posts promise to the rest of the system.

use entity::{Command, Id, Kind, Never, Query, Setting, Time, data};

use crate::accounts::api::UserId;
use crate::page::{PAGE_ITEMS_MAX, PageLimit};
pub use crate::posts::refusals::{LookupError, PublishError, UnknownPostError};

/// The family of authors, one per user.
#[derive(Debug)]
pub enum Authors {}

impl Kind for Authors {
    const NAME: &'static str = "posts.author";
    const TAG: u16 = 20;
    type Key = AuthorId;
    type Commands = (Publish, Delete, AddFollower, RemoveFollower, ListFollowers);
    type Queries = (Lookup, ReadPost, Posts, Pulled, Counts);
}

/// Names a user as an author. Lives where the user's account lives.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct AuthorId(pub UserId);

entity::key! { AuthorId(UserId) }

/// Names a post. Later posts have larger ids; the id says when the post was published.
#[data]
#[derive(Copy, Ord, PartialOrd)]
#[schemars(inline)]
pub struct PostId(pub Id);

entity::key! { PostId(Id) }

impl PostId {
    /// Before every post that there is.
    pub const MIN: Self = Self(Id::MIN);
    /// Behind every post that there is.
    pub const MAX: Self = Self(Id::MAX);
}

/// Longest post, in bytes of UTF-8.
pub const BODY_BYTES_MAX: usize = 4_096;

/// Most followers that an author delivers to by itself, within the record that publishes. Half of
/// what one command may send would do; a quarter keeps publishing quick for everybody else.
pub const FOLLOWERS_INLINE_MAX: u32 = 256;

/// Most followers in one answer to [`ListFollowers`]: as many as the fan-out tells in one record.
pub const FOLLOWERS_PAGE_MAX: usize = 500;

/// Most posts in one [`Lookup`]. As many as a page has items.
pub const LOOKUP_MAX: usize = PAGE_ITEMS_MAX as usize;

/// Most posts, published or deleted, that are kept for clients that come back. Who has missed more reads
/// the list.
pub const POSTED_MAX: u64 = 256;

/// Above this many followers, posts are not pushed into their feeds but pulled when they look.
#[derive(Debug)]
pub enum PullAboveFollowers {}

impl Setting for PullAboveFollowers {
    const NAME: &'static str = "posts.pull_above_followers";
    const DEFAULT: u64 = 10_000;
    const MIN: u64 = FOLLOWERS_INLINE_MAX as u64;
    const MAX: u64 = 10_000_000;
}

/// Publishes a post: it comes into the author's own feed and into those of all followers.
#[data]
pub struct Publish {
    /// The text: 1 to 4096 bytes of UTF-8, not white space alone.
    #[schemars(length(min = 1, max = BODY_BYTES_MAX))]
    pub body: String,
}

impl Command for Publish {
    type Kind = Authors;
    const TAG: u16 = 1;
    type Reply = Published;
    type Error = PublishError;
}

/// What was published.
#[data]
pub struct Published {
    /// The new post.
    pub post: PostId,
}

/// Deletes a post: it is gone from every feed.
#[data]
pub struct Delete {
    /// Which post.
    pub post: PostId,
}

impl Command for Delete {
    type Kind = Authors;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = UnknownPostError;
    const FREES_SPACE: bool = true;
}

/// Adds a follower, who gets every post from now on. A repeat changes nothing.
#[data]
pub struct AddFollower {
    /// Who.
    pub follower: UserId,
}

impl Command for AddFollower {
    type Kind = Authors;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = Never;
}

/// Removes a follower. A repeat changes nothing.
#[data]
pub struct RemoveFollower {
    /// Who.
    pub follower: UserId,
}

impl Command for RemoveFollower {
    type Kind = Authors;
    const TAG: u16 = 4;
    type Reply = ();
    type Error = Never;
    const FREES_SPACE: bool = true;
}

/// Tells the author's fan-out the next followers in the order of their ids, at most
/// [`FOLLOWERS_PAGE_MAX`], by a [`FollowersPage`](crate::feeds::api::FollowersPage).
#[data]
pub struct ListFollowers {
    /// Begins behind this follower, with the first one when not given.
    pub after: Option<UserId>,
}

impl Command for ListFollowers {
    type Kind = Authors;
    const TAG: u16 = 5;
    type Reply = ();
    type Error = Never;
}

/// Asks for posts by their ids.
#[data]
pub struct Lookup {
    /// Which posts, at most [`LOOKUP_MAX`].
    pub posts: Vec<PostId>,
}

impl Query for Lookup {
    type Kind = Authors;
    const TAG: u16 = 1;
    type Reply = Found;
    type Error = LookupError;
}

/// What was found.
#[data]
pub struct Found {
    /// The posts in the order asked, at most [`LOOKUP_MAX`]; nothing where the author has no such one.
    pub posts: Vec<Option<PostView>>,
}

/// A post.
#[data]
pub struct PostView {
    /// Its id.
    pub post: PostId,
    /// Its text, at most 4096 bytes of UTF-8.
    pub body: String,
    /// When it was published.
    pub created_at: Time,
}

/// Asks for one post.
#[data]
pub struct ReadPost {
    /// Which post.
    pub post: PostId,
}

impl Query for ReadPost {
    type Kind = Authors;
    const TAG: u16 = 2;
    type Reply = PostView;
    type Error = UnknownPostError;
}

/// Asks for the author's posts, newest first.
#[data]
pub struct Posts {
    /// Begins with the first post older than this one, with the newest when not given.
    pub before: Option<PostId>,
    /// Most posts wanted: 1 to 100, 20 when not given.
    #[serde(default)]
    pub limit: PageLimit,
}

impl Query for Posts {
    type Kind = Authors;
    const TAG: u16 = 3;
    type Reply = PostsPage;
    type Error = Never;
}

/// Some of an author's posts.
#[data]
pub struct PostsPage {
    /// Newest first, at most as many as wanted.
    pub posts: Vec<PostView>,
    /// Where to go on (`before`), when there are more.
    pub next: Option<PostId>,
}

/// Asks which posts were not pushed into followers' feeds, newest first.
#[data]
pub struct Pulled {
    /// Begins with the first post older than this one, with the newest when not given.
    pub before: Option<PostId>,
    /// Most posts wanted.
    #[serde(default)]
    pub limit: PageLimit,
}

impl Query for Pulled {
    type Kind = Authors;
    const TAG: u16 = 4;
    type Reply = PulledPage;
    type Error = Never;
}

/// Some of the posts that were not pushed.
#[data]
pub struct PulledPage {
    /// Newest first, at most as many as wanted.
    pub posts: Vec<PostId>,
    /// Where to go on (`before`), when there are more.
    pub next: Option<PostId>,
}

/// Asks how many followers and posts there are.
#[data]
pub struct Counts {}

impl Query for Counts {
    type Kind = Authors;
    const TAG: u16 = 5;
    type Reply = AuthorCounts;
    type Error = Never;
}

/// How many followers and posts an author has.
#[data]
pub struct AuthorCounts {
    /// Users who follow the author.
    pub followers: u32,
    /// Posts that are not deleted.
    pub posts: u32,
}
