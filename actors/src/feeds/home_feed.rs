//! What a user sees first.

use entity::{Never, Offset, Operating, Operation, ProblemClass, Refusal, Stop, Time, data};

use crate::accounts::api::{HandleName, UserId};
use crate::feeds::api::{Cursor, FeedId, HomeFeedError, Page, PulledAuthors};
use crate::feeds::hydrate::Hydrated;
use crate::feeds::merge::{Source, merge};
use crate::page::PageLimit;
use crate::posts::api::{AuthorId, PostId, Pulled};

/// Most rounds of one request. A round replaces what turned out to be deleted in the one before.
///
/// A round takes four steps at most, and [`entity::operation::STEPS_MAX`] is the limit of all.
pub const ROUNDS_MAX: usize = 12;

/// Asks for the newest posts of everybody whom the user follows, and the user's own, newest first.
#[data]
pub struct HomeFeed {
    /// The `next` of the page before, at most 47 bytes. Begins with the newest when not given.
    pub cursor: Option<String>,
    /// Most items wanted: 1 to 100, 20 when not given.
    #[serde(default)]
    pub limit: PageLimit,
}

/// Some of a user's feed.
#[data]
pub struct HomePage {
    /// Newest first, at most as many as wanted. There may be fewer although more follow.
    pub items: Vec<HomeItem>,
    /// Where to go on (`cursor`), when there may be more.
    pub next: Option<Cursor>,
}

/// A post with what is needed to show it.
#[data]
pub struct HomeItem {
    /// The post.
    pub post: PostId,
    /// Who published it.
    pub author: UserId,
    /// The author's handle.
    pub handle: HandleName,
    /// The text, at most 4096 bytes of UTF-8.
    pub body: String,
    /// When it was published.
    pub created_at: Time,
}

impl Operation for HomeFeed {
    type Reply = HomePage;

    fn problems() -> Vec<ProblemClass> {
        HomeFeedError::PROBLEMS.to_vec()
    }

    fn run(&self, cx: &mut Operating<'_>) -> Result<HomePage, Stop> {
        let mut cursor = self.start()?;
        let feed = FeedId(UserId(cx.account()?));
        let authors = cx.ask(&feed, &PulledAuthors {})??.authors;
        let mut hydrated = Hydrated::default();
        for _ in 0..ROUNDS_MAX {
            let limit = self.limit.left(hydrated.items.len());
            let Some(limit) = limit.filter(|_| cursor != Cursor::END) else { break };
            let pushed = pushed(feed, cursor, limit, cx)?;
            let pulled = pulled(&authors, cursor, limit, cx)?;
            let (candidates, next) = merge(pushed, pulled, limit.items());
            hydrated.add(&candidates, cx)?;
            cursor = next;
        }
        let next = Some(cursor).filter(|it| *it != Cursor::END);
        Ok(HomePage { items: hydrated.items, next })
    }
}

impl HomeFeed {
    fn start(&self) -> Result<Cursor, HomeFeedError> {
        let cursor = self.cursor.as_ref().map_or(Ok(Cursor::START), |text| text.parse());
        cursor.or(Err(HomeFeedError::CursorInvalid))
    }
}

fn pushed(
    feed: FeedId,
    from: Cursor,
    limit: PageLimit,
    cx: &mut Operating<'_>,
) -> Result<Source<Offset>, Stop> {
    let page = cx.ask(&feed, &Page { before: Some(from.pushed), limit })??;
    Ok(Source::pushed(from, page))
}

fn pulled(
    authors: &[UserId],
    from: Cursor,
    limit: PageLimit,
    cx: &mut Operating<'_>,
) -> Result<Source<PostId>, Stop> {
    let question = Pulled { before: Some(from.pulled), limit };
    let questions = authors.iter().map(|author| (AuthorId(*author), question.clone()));
    let pages: Result<Vec<_>, Never> = cx.ask_many(questions)?.into_iter().collect();
    Ok(Source::pulled(from, authors.iter().copied().zip(pages?)))
}
