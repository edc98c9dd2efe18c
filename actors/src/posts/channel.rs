//! An author's posts as they come to whoever is there.

use std::collections::{BTreeMap, BTreeSet};

use entity::channel::Audience;
use entity::{Channel, Operating, Stop, data};

use crate::accounts::api::UserId;
use crate::posts::api::{AuthorId, Authors, Lookup, PostId, PostView};
use crate::posts::author::{PostChange, Posted};

/// The channel `posts:USER`. Feeds hold the posts of authors with very many followers only when they are
/// read; here they are live too.
#[derive(Debug)]
pub enum PostsChannel {}

/// What an author has done.
#[data]
pub enum PostEvent {
    /// Published a post.
    Post(PostView),
    /// Deleted a post, perhaps before it came.
    Withdrawn {
        /// Which post.
        post: PostId,
    },
}

impl Channel for PostsChannel {
    const NAME: &'static str = "posts";
    const KEY: &'static str = "user";
    const ABOUT: &'static str = "What one author publishes and deletes.";
    const AUDIENCE: Audience = Audience::Accounts;
    type Kind = Authors;
    type Stream = Posted;
    type Shown = PostEvent;

    fn show(items: &[PostChange], cx: &mut Operating<'_>) -> Result<Vec<PostEvent>, Stop> {
        let mut found = look_up(items, cx)?;
        let shown = items.iter().map(|it| match *it {
            PostChange::Published { post, .. } => match found.remove(&post) {
                Some(view) => PostEvent::Post(view),
                None => PostEvent::Withdrawn { post },
            },
            PostChange::Deleted { post } => PostEvent::Withdrawn { post },
        });
        Ok(shown.collect())
    }
}

fn look_up(
    items: &[PostChange],
    cx: &mut Operating<'_>,
) -> Result<BTreeMap<PostId, PostView>, Stop> {
    let mut wanted = BTreeMap::<UserId, BTreeSet<PostId>>::new();
    for item in items {
        if let PostChange::Published { author, post } = *item {
            wanted.entry(author).or_default().insert(post);
        }
    }
    let questions = wanted
        .into_iter()
        .map(|(author, posts)| (AuthorId(author), Lookup { posts: posts.into_iter().collect() }));
    let mut found = BTreeMap::new();
    for answer in cx.ask_many_recent(questions)? {
        let answer = answer.expect("as many as are shown at once can be looked up");
        found.extend(answer.posts.into_iter().flatten().map(|it| (it.post, it)));
    }
    Ok(found)
}
