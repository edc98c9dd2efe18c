//! One author.

use entity::registry::{Items, Rows};
use entity::{Answer, Command, Context, Entity, Handle, Never, Stream, Table, data};

use crate::accounts::api::UserId;
use crate::feeds::api::{
    AnnouncePulled, AuthorPulled, Deliver, FanOutId, FeedId, Feeds, FollowersPage, Spread,
    SpreadWithdrawn, Withdraw,
};
use crate::page::page;
use crate::posts::api::{
    AddFollower, AuthorCounts, Authors, BODY_BYTES_MAX, Counts, Delete, FOLLOWERS_INLINE_MAX,
    FOLLOWERS_PAGE_MAX, Found, LOOKUP_MAX, ListFollowers, Lookup, LookupError, POSTED_MAX, PostId,
    PostView, Posts, PostsPage, Publish, PublishError, Published, PullAboveFollowers, Pulled,
    PulledPage, ReadPost, RemoveFollower, UnknownPostError,
};

/// A user as somebody who publishes.
#[data]
#[derive(Default)]
pub struct Author {
    follower_count: u32,
    post_count: u32,
    /// Whether posts go through the fan-out. Once true it stays so: a post that the author delivered
    /// itself could overtake one that the fan-out still has.
    spread: bool,
    /// Whether followers are told that there are posts to pull. Once true it stays so: those posts
    /// remain, even when later ones are pushed again.
    pulled: bool,
}

impl Entity for Author {
    type Kind = Authors;
    type Tables = (Rows<Archive>, Rows<Followers>, Rows<PulledPosts>, Items<Posted>);
}

/// All posts that are not deleted.
pub enum Archive {}

impl Table for Archive {
    const NAME: &'static str = "archive";
    const TAG: u8 = 1;
    type Key = PostId;
    type Row = Post;
}

/// One post; its id says when it was published.
#[data]
pub struct Post {
    /// The text.
    pub body: String,
}

/// Who follows the author.
pub enum Followers {}

impl Table for Followers {
    const NAME: &'static str = "followers";
    const TAG: u8 = 2;
    type Key = UserId;
    type Row = ();
}

/// The posts that were not pushed.
pub enum PulledPosts {}

impl Table for PulledPosts {
    const NAME: &'static str = "pulled_posts";
    const TAG: u8 = 3;
    type Key = PostId;
    type Row = ();
}

/// What the author has done lately.
pub enum Posted {}

impl Stream for Posted {
    const NAME: &'static str = "posted";
    const TAG: u8 = 4;
    const ITEMS_MAX: u64 = POSTED_MAX;
    type Item = PostChange;
}

/// A post came, or went.
#[data]
#[derive(Copy)]
pub enum PostChange {
    /// It was published.
    Published {
        /// By whom.
        author: UserId,
        /// Which post.
        post: PostId,
    },
    /// It was deleted.
    Deleted {
        /// Which post.
        post: PostId,
    },
}

/// How a post comes to the author's followers.
enum Reach {
    /// The author delivers it.
    Inline,
    /// The fan-out delivers it.
    Spread,
    /// They pull it.
    Pull,
}

impl Handle<Publish> for Author {
    fn handle(
        &mut self,
        publish: Publish,
        cx: &mut Context<'_, Self>,
    ) -> Result<Published, PublishError> {
        publish.check()?;

        let post = PostId(cx.id());
        self.post_count += 1;
        cx.put::<Archive>(&post, &Post { body: publish.body });

        let author = cx.key().0;
        cx.append::<Posted>(&PostChange::Published { author, post });
        cx.send(&FeedId(author), &Deliver { author, post });
        match self.reach(cx) {
            Reach::Inline => tell(&Deliver { author, post }, cx),
            Reach::Spread => {
                self.spread = true;
                cx.send(&FanOutId(author), &Spread { post });
            }
            Reach::Pull => self.leave_to_pull(author, post, cx),
        }
        Ok(Published { post })
    }
}

impl Handle<Delete> for Author {
    fn handle(
        &mut self,
        delete: Delete,
        cx: &mut Context<'_, Self>,
    ) -> Result<(), UnknownPostError> {
        if cx.get::<Archive>(&delete.post).is_none() {
            return Err(UnknownPostError::Unknown);
        }

        self.post_count -= 1;
        cx.remove::<Archive>(&delete.post);
        let (author, post) = (cx.key().0, delete.post);
        cx.append::<Posted>(&PostChange::Deleted { post });
        cx.send(&FeedId(author), &Withdraw { author, post });
        if cx.get::<PulledPosts>(&post).is_some() {
            cx.remove::<PulledPosts>(&post);
            return Ok(());
        }
        match self.reach(cx) {
            Reach::Inline => tell(&Withdraw { author, post }, cx),
            // Behind its delivery, which may still be under way.
            Reach::Spread | Reach::Pull => cx.send(&FanOutId(author), &SpreadWithdrawn { post }),
        }
        Ok(())
    }
}

impl Handle<AddFollower> for Author {
    fn handle(&mut self, add: AddFollower, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        if cx.get::<Followers>(&add.follower).is_some() {
            return Ok(());
        }

        self.follower_count += 1;
        cx.put::<Followers>(&add.follower, &());

        if self.pulled {
            cx.send(&FeedId(add.follower), &AuthorPulled { author: cx.key().0 });
        }
        Ok(())
    }
}

impl Handle<RemoveFollower> for Author {
    fn handle(&mut self, remove: RemoveFollower, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        if cx.get::<Followers>(&remove.follower).is_none() {
            return Ok(());
        }

        self.follower_count -= 1;
        cx.remove::<Followers>(&remove.follower);
        Ok(())
    }
}

impl Handle<ListFollowers> for Author {
    fn handle(&mut self, list: ListFollowers, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        let ListFollowers { after } = list;
        let from = after.map_or(UserId::MIN, UserId::next);
        let rows = cx.scan::<Followers>(&from, FOLLOWERS_PAGE_MAX + 1);
        let (rows, next) = page(rows, FOLLOWERS_PAGE_MAX);
        let followers = rows.into_iter().map(|(follower, ())| follower).collect();
        cx.send(&FanOutId(cx.key().0), &FollowersPage { after, followers, next });
        Ok(())
    }
}

impl Answer<Lookup> for Author {
    fn answer(&self, lookup: Lookup, view: &Context<'_, Self>) -> Result<Found, LookupError> {
        let count = lookup.posts.len();
        if count > LOOKUP_MAX {
            return Err(LookupError::Count { count: count as u64 });
        }
        Ok(Found { posts: lookup.posts.into_iter().map(|post| read(post, view)).collect() })
    }
}

impl Answer<ReadPost> for Author {
    fn answer(
        &self,
        wanted: ReadPost,
        view: &Context<'_, Self>,
    ) -> Result<PostView, UnknownPostError> {
        read(wanted.post, view).ok_or(UnknownPostError::Unknown)
    }
}

impl Answer<Posts> for Author {
    fn answer(&self, posts: Posts, view: &Context<'_, Self>) -> Result<PostsPage, Never> {
        let before = posts.before.unwrap_or(PostId::MAX);
        let items_max = posts.limit.items();
        let (rows, next) = page(view.scan_back::<Archive>(&before, items_max + 1), items_max);
        let posts = rows.into_iter().map(|(post, row)| row.view(post)).collect();
        Ok(PostsPage { posts, next })
    }
}

impl Answer<Pulled> for Author {
    fn answer(&self, pulled: Pulled, view: &Context<'_, Self>) -> Result<PulledPage, Never> {
        let before = pulled.before.unwrap_or(PostId::MAX);
        let items_max = pulled.limit.items();
        let (rows, next) = page(view.scan_back::<PulledPosts>(&before, items_max + 1), items_max);
        Ok(PulledPage { posts: rows.into_iter().map(|(post, ())| post).collect(), next })
    }
}

impl Answer<Counts> for Author {
    fn answer(&self, _: Counts, _: &Context<'_, Self>) -> Result<AuthorCounts, Never> {
        Ok(AuthorCounts { followers: self.follower_count, posts: self.post_count })
    }
}

impl Author {
    fn reach(&self, cx: &Context<'_, Self>) -> Reach {
        if u64::from(self.follower_count) > cx.setting::<PullAboveFollowers>() {
            Reach::Pull
        } else if self.spread || self.follower_count > FOLLOWERS_INLINE_MAX {
            Reach::Spread
        } else {
            Reach::Inline
        }
    }

    /// Keeps the post where followers look for it, and has them told to look when it is the first.
    fn leave_to_pull(&mut self, author: UserId, post: PostId, cx: &mut Context<'_, Self>) {
        cx.put::<PulledPosts>(&post, &());
        if !self.pulled {
            self.pulled = true;
            cx.send(&FanOutId(author), &AnnouncePulled {});
        }
    }
}

impl Publish {
    fn check(&self) -> Result<(), PublishError> {
        match self.body.len() {
            1..=BODY_BYTES_MAX if self.body.trim().is_empty() => Err(PublishError::BodyBlank),
            1..=BODY_BYTES_MAX => Ok(()),
            bytes => Err(PublishError::BodySize { bytes: bytes as u64 }),
        }
    }
}

impl Post {
    fn view(self, post: PostId) -> PostView {
        PostView { post, body: self.body, created_at: post.0.time() }
    }
}

/// Tells the feed of every follower.
fn tell<C: Command<Kind = Feeds>>(what: &C, cx: &mut Context<'_, Author>) {
    let followers = cx.scan_all::<Followers>(FOLLOWERS_INLINE_MAX as usize);
    cx.send_many(followers.into_iter().map(|(follower, ())| FeedId(follower)), what);
}

fn read(post: PostId, view: &Context<'_, Author>) -> Option<PostView> {
    view.get::<Archive>(&post).map(|row| row.view(post))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_checked() {
        let size = |bytes| Err(PublishError::BodySize { bytes });
        let cases = [
            (String::new(), size(0)),
            ("a".into(), Ok(())),
            (" \u{3000}\n".into(), Err(PublishError::BodyBlank)),
            ("한글".into(), Ok(())),
            ("a".repeat(BODY_BYTES_MAX), Ok(())),
            ("a".repeat(BODY_BYTES_MAX + 1), size(4_097)),
            (" ".repeat(BODY_BYTES_MAX + 1), size(4_097)),
        ];
        for (body, expected) in cases {
            assert_eq!(Publish { body: body.clone() }.check(), expected, "{body:?}");
        }
    }
}
