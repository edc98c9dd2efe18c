//! One user's feed.

use std::iter;

use entity::registry::{Items, Rows};
use entity::{Answer, Context, Entity, Handle, Never, Offset, Stream, Table, data};

use crate::accounts::api::UserId;
use crate::feeds::api::{
    AuthorFollowed, AuthorPulled, AuthorUnfollowed, Deliver, EXAMINED_MAX, FeedEntry, FeedPage,
    Feeds, ITEMS_MAX, PULLED_AUTHORS_MAX, Page, PulledAuthorList, PulledAuthors, Withdraw,
};
use crate::posts::api::PostId;

/// Items read at once: mostly a page is full after the first of them.
const READ_ITEMS: usize = 101;

/// A feed. All of it is in its tables.
#[data]
#[derive(Default)]
pub struct Feed {}

impl Entity for Feed {
    type Kind = Feeds;
    type Tables = (Items<Pushed>, Rows<FollowedAuthors>, Rows<PulledFrom>);
}

/// What was pushed, whether it is shown or not.
pub enum Pushed {}

impl Stream for Pushed {
    const NAME: &'static str = "pushed";
    const TAG: u8 = 1;
    const ITEMS_MAX: u64 = ITEMS_MAX;
    type Item = FeedItem;
}

/// What was pushed.
#[data]
#[derive(Copy)]
pub enum FeedItem {
    /// Somebody has published a post.
    Post {
        /// Who.
        author: UserId,
        /// Which post.
        post: PostId,
    },
    /// Somebody has deleted a post that was pushed before.
    Withdrawn {
        /// Who.
        author: UserId,
        /// Which post.
        post: PostId,
    },
}

/// Whose items are shown.
pub enum FollowedAuthors {}

impl Table for FollowedAuthors {
    const NAME: &'static str = "followed_authors";
    const TAG: u8 = 2;
    type Key = UserId;
    type Row = ();
}

/// Who has posts to pull, followed or not. Authors never cease to: what is known of them need not be
/// forgotten when they are unfollowed, so no order of messages can lose it.
pub enum PulledFrom {}

impl Table for PulledFrom {
    const NAME: &'static str = "pulled_from";
    const TAG: u8 = 3;
    type Key = UserId;
    type Row = ();
}

impl Handle<Deliver> for Feed {
    fn handle(&mut self, deliver: Deliver, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        let Deliver { author, post } = deliver;
        cx.append::<Pushed>(&FeedItem::Post { author, post });
        Ok(())
    }
}

impl Handle<Withdraw> for Feed {
    fn handle(&mut self, withdraw: Withdraw, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        let Withdraw { author, post } = withdraw;
        cx.append::<Pushed>(&FeedItem::Withdrawn { author, post });
        Ok(())
    }
}

impl Handle<AuthorFollowed> for Feed {
    fn handle(&mut self, told: AuthorFollowed, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        cx.put::<FollowedAuthors>(&told.author, &());
        Ok(())
    }
}

impl Handle<AuthorUnfollowed> for Feed {
    fn handle(&mut self, told: AuthorUnfollowed, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        cx.remove::<FollowedAuthors>(&told.author);
        Ok(())
    }
}

impl Handle<AuthorPulled> for Feed {
    fn handle(&mut self, told: AuthorPulled, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        cx.put::<PulledFrom>(&told.author, &());
        Ok(())
    }
}

impl Answer<Page> for Feed {
    fn answer(&self, wanted: Page, view: &Context<'_, Self>) -> Result<FeedPage, Never> {
        let mut before = wanted.before.unwrap_or(Offset::MAX);
        let mut items = Vec::new();
        let mut pushed = newest_first(before, view).peekable();
        for (offset, item) in pushed.by_ref().take(EXAMINED_MAX) {
            before = offset;
            let post = item.post(offset);
            items.extend(post.filter(|it| is_shown(it.author, view)));
            if items.len() == wanted.limit.items() {
                break;
            }
        }
        let next = pushed.peek().map(|_| before);
        Ok(FeedPage { items, next })
    }
}

impl Answer<PulledAuthors> for Feed {
    fn answer(
        &self,
        _: PulledAuthors,
        view: &Context<'_, Self>,
    ) -> Result<PulledAuthorList, Never> {
        let known =
            view.scan_all::<PulledFrom>(EXAMINED_MAX).into_iter().map(|(author, ())| author);
        let followed = known.filter(|author| is_followed(*author, view));
        Ok(PulledAuthorList { authors: followed.take(PULLED_AUTHORS_MAX).collect() })
    }
}

impl FeedItem {
    /// The post that was pushed. One that was withdrawn later is passed over when it is looked up.
    fn post(self, offset: Offset) -> Option<FeedEntry> {
        match self {
            Self::Post { author, post } => Some(FeedEntry { offset, author, post }),
            Self::Withdrawn { .. } => None,
        }
    }
}

/// Reads items backwards, in steps of [`READ_ITEMS`], only as far as they are taken.
fn newest_first(
    mut before: Offset,
    view: &Context<'_, Feed>,
) -> impl Iterator<Item = (Offset, FeedItem)> {
    let steps = iter::from_fn(move || {
        let items = view.read_back::<Pushed>(before, READ_ITEMS);
        before = items.last()?.0;
        Some(items)
    });
    steps.flatten()
}

/// Whether an author's items are shown. The user's own always are.
fn is_shown(author: UserId, view: &Context<'_, Feed>) -> bool {
    author == view.key().0 || is_followed(author, view)
}

fn is_followed(author: UserId, view: &Context<'_, Feed>) -> bool {
    view.get::<FollowedAuthors>(&author).is_some()
}
