//! The order of a feed's items: what was pushed and what is pulled, as one list.

use std::cmp::Reverse;
use std::collections::VecDeque;

use entity::Offset;

use crate::accounts::api::UserId;
use crate::feeds::api::{Cursor, FeedEntry, FeedPage};
use crate::posts::api::{PostId, PulledPage};

/// A post that belongs on the page, if it still exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Candidate {
    /// Who published it.
    pub(crate) author: UserId,
    /// Which post.
    pub(crate) post: PostId,
}

/// What one source offers from a position on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Source<P> {
    /// The position reached.
    at: P,
    /// What comes next, each with the position behind it.
    offers: VecDeque<(P, Candidate)>,
    /// Where the source goes on behind the offers; at its end when there is nothing more.
    rest: Rest<P>,
}

/// What a source has behind its offers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rest<P> {
    /// Perhaps more, from this position on.
    More(P),
    /// Nothing, at this position.
    End(P),
}

impl Source<Offset> {
    /// What was pushed, in the order of the stream.
    pub(crate) fn pushed(from: Cursor, page: FeedPage) -> Self {
        let offer = |it: FeedEntry| (it.offset, Candidate { author: it.author, post: it.post });
        Self {
            at: from.pushed,
            offers: page.items.into_iter().map(offer).collect(),
            rest: page.next.map_or(Rest::End(Cursor::END.pushed), Rest::More),
        }
    }
}

impl Source<PostId> {
    /// What is pulled from several authors, newest first.
    ///
    /// Where an author's page was cut, older posts of theirs are not known: from there on, nothing is
    /// offered of anybody.
    pub(crate) fn pulled(
        from: Cursor,
        pages: impl IntoIterator<Item = (UserId, PulledPage)>,
    ) -> Self {
        let mut offers = Vec::new();
        let mut cut = None;
        for (author, page) in pages {
            offers.extend(page.posts.into_iter().map(|post| (post, Candidate { author, post })));
            cut = cut.max(page.next);
        }
        offers.retain(|(post, _)| cut.is_none_or(|cut| cut <= *post));
        offers.sort_unstable_by_key(|(post, _)| Reverse(*post));
        Self {
            at: from.pulled,
            offers: offers.into(),
            rest: cut.map_or(Rest::End(Cursor::END.pulled), Rest::More),
        }
    }
}

impl<P: Copy> Source<P> {
    /// The post that is offered first.
    fn head(&self) -> Option<PostId> {
        self.offers.front().map(|(_, it)| it.post)
    }

    fn take(&mut self) -> Option<Candidate> {
        let (position, candidate) = self.offers.pop_front()?;
        self.at = position;
        Some(candidate)
    }

    /// Whether the source has to be asked before it is known what comes next.
    fn is_unknown(&self) -> bool {
        self.offers.is_empty() && matches!(self.rest, Rest::More(_))
    }

    /// Where to go on.
    fn position(&self) -> P {
        match self.rest {
            Rest::More(position) | Rest::End(position) if self.offers.is_empty() => position,
            Rest::More(_) | Rest::End(_) => self.at,
        }
    }
}

/// Takes the newest posts of both sources, at most `items_max`, and tells where to go on.
///
/// Each source keeps its own order; of the two posts offered first, the newer one is taken. It ends
/// early where a source has to be asked again.
pub(crate) fn merge(
    mut pushed: Source<Offset>,
    mut pulled: Source<PostId>,
    items_max: usize,
) -> (Vec<Candidate>, Cursor) {
    let mut taken = Vec::new();
    while taken.len() < items_max && !pushed.is_unknown() && !pulled.is_unknown() {
        let is_pulled = pushed.head() < pulled.head();
        let newer = if is_pulled { pulled.take() } else { pushed.take() };
        let Some(candidate) = newer else { break };
        taken.push(candidate);
    }
    (taken, Cursor { pushed: pushed.position(), pulled: pulled.position() })
}

#[cfg(test)]
mod tests {
    use entity::Id;

    use super::*;

    const FROM: Cursor = Cursor { pushed: Offset(90), pulled: PostId(Id(80)) };

    fn user(number: u128) -> UserId {
        UserId(Id(number))
    }

    /// Items of author 1, each as its offset and its post.
    fn pushed(items: &[(u64, u128)], next: Option<u64>) -> Source<Offset> {
        let entry = |(offset, post): &(u64, u128)| FeedEntry {
            offset: Offset(*offset),
            author: user(1),
            post: PostId(Id(*post)),
        };
        let items = items.iter().map(entry).collect();
        Source::pushed(FROM, FeedPage { items, next: next.map(Offset) })
    }

    /// Posts of the authors from 2 on; a page is cut where it says so.
    fn pulled(authors: &[(&[u128], Option<u128>)]) -> Source<PostId> {
        let page = |(posts, next): &(&[u128], Option<u128>)| PulledPage {
            posts: posts.iter().map(|it| PostId(Id(*it))).collect(),
            next: next.map(|it| PostId(Id(it))),
        };
        Source::pulled(FROM, (2..).map(user).zip(authors.iter().map(page)))
    }

    /// Posts taken, and the numbers of the cursor behind them.
    type Expected<'a> = (&'a [u128], u64, u128);

    #[track_caller]
    fn check(
        pushed: Source<Offset>,
        pulled: Source<PostId>,
        items_max: usize,
        expected: Expected<'_>,
    ) {
        let (taken, cursor) = merge(pushed, pulled, items_max);
        let posts: Vec<u128> = taken.iter().map(|it| it.post.0.0).collect();
        assert_eq!((&posts[..], cursor.pushed.0, cursor.pulled.0.0), expected);
    }

    #[test]
    fn the_newer_of_two_posts_comes_first() {
        check(pushed(&[(9, 7), (8, 4)], None), pulled(&[(&[5], None)]), 9, (&[7, 5, 4], 0, 0));
        check(pushed(&[], None), pulled(&[(&[6, 2], None), (&[5], None)]), 9, (&[6, 5, 2], 0, 0));
        check(pushed(&[], None), pulled(&[]), 9, (&[], 0, 0));
    }

    #[test]
    fn the_order_of_the_stream_is_kept() {
        check(pushed(&[(9, 3), (8, 7)], None), pulled(&[(&[5], None)]), 9, (&[5, 3, 7], 0, 0));
    }

    #[test]
    fn each_source_goes_on_where_it_was_left() {
        let both = || (pushed(&[(9, 7), (8, 4)], Some(8)), pulled(&[(&[5, 3], Some(3))]));
        let cases: [(usize, Expected<'_>); 5] = [
            (0, (&[], 90, 80)),
            (1, (&[7], 9, 80)),
            (2, (&[7, 5], 9, 5)),
            (3, (&[7, 5, 4], 8, 5)),
            // Behind 4 there may be pushed posts that are newer than 3.
            (9, (&[7, 5, 4], 8, 5)),
        ];
        for (items_max, expected) in cases {
            let (pushed, pulled) = both();
            check(pushed, pulled, items_max, expected);
        }
    }

    #[test]
    fn nothing_is_offered_behind_the_cut_of_any_author() {
        let pulled = pulled(&[(&[9, 6], Some(6)), (&[8, 5], None), (&[7, 4], Some(4))]);
        check(pushed(&[(3, 1)], None), pulled, 9, (&[9, 8, 7, 6], 90, 6));
    }

    #[test]
    fn a_page_without_items_moves_on() {
        check(pushed(&[], Some(40)), pulled(&[(&[5], None)]), 9, (&[], 40, 80));
    }
}
