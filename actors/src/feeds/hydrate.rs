//! From ids to what is shown.

use std::collections::BTreeMap;

use entity::{Operating, Stop};

use crate::accounts::api::{HandleName, Profile, UserId};
use crate::feeds::home_feed::HomeItem;
use crate::feeds::merge::Candidate;
use crate::posts::api::{AuthorId, Lookup, PostId, PostView};

/// Items that are complete, and what making them brought to light.
#[derive(Debug, Default)]
pub(crate) struct Hydrated {
    /// In the order of the candidates.
    pub(crate) items: Vec<HomeItem>,
    handles: BTreeMap<UserId, HandleName>,
}

impl Hydrated {
    /// Adds the candidates that can be shown. A deleted post cannot, nor can one of somebody who has
    /// no account.
    pub(crate) fn add(
        &mut self,
        candidates: &[Candidate],
        cx: &mut Operating<'_>,
    ) -> Result<(), Stop> {
        let mut posts = look_up(candidates, cx)?;
        self.learn_handles(candidates, cx)?;
        let items = candidates.iter().filter_map(|it| {
            let handle = self.handles.get(&it.author)?.clone();
            let PostView { post, body, created_at } = posts.remove(&it.post)?;
            Some(HomeItem { post, author: it.author, handle, body, created_at })
        });
        self.items.extend(items);
        Ok(())
    }

    fn learn_handles(
        &mut self,
        candidates: &[Candidate],
        cx: &mut Operating<'_>,
    ) -> Result<(), Stop> {
        let mut unknown: Vec<UserId> = candidates.iter().map(|it| it.author).collect();
        unknown.retain(|author| !self.handles.contains_key(author));
        unknown.sort_unstable();
        unknown.dedup();
        let profiles =
            cx.ask_many_recent(unknown.into_iter().map(|author| (author, Profile {})))?;
        self.handles.extend(profiles.into_iter().flatten().map(|it| (it.user, it.handle)));
        Ok(())
    }
}

/// Reads the posts that still exist: one question to each author.
fn look_up(
    candidates: &[Candidate],
    cx: &mut Operating<'_>,
) -> Result<BTreeMap<PostId, PostView>, Stop> {
    let mut wanted = BTreeMap::<UserId, Vec<PostId>>::new();
    for Candidate { author, post } in candidates {
        wanted.entry(*author).or_default().push(*post);
    }
    let questions = wanted.into_iter().map(|(author, posts)| (AuthorId(author), Lookup { posts }));
    let mut posts = BTreeMap::new();
    for found in cx.ask_many_recent(questions)? {
        let found = found.expect("a page has no more posts than a lookup");
        posts.extend(found.posts.into_iter().flatten().map(|it| (it.post, it)));
    }
    Ok(posts)
}
