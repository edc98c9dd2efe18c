//! Authors who publish and delete.

use std::collections::BTreeMap;

use actors::accounts::api::UserId;
use actors::page::PageLimit;
use actors::posts::api::{AuthorId, Counts, Delete, PostId, Posts, Publish, Published};
use entity::Id;

use super::crew::{Fate, Hands, Workload, holds};
use crate::chance::{Chance, Odds};
use crate::finding::{Under, Wrong};
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The first user of this workload.
const USERS_FROM: u128 = 3_000_000;

/// Publishes and deletes.
#[derive(Debug)]
pub struct Publishing {
    clients: usize,
    authors: u64,
    operations: u64,
    hands: Hands<Operation>,
    /// What became of each publication, by author and text.
    published: BTreeMap<(AuthorId, String), Fate>,
    posts: BTreeMap<PostId, Post>,
}

#[derive(Clone, Debug)]
enum Operation {
    Publish(AuthorId, String),
    Delete(PostId),
}

#[derive(Clone, Debug)]
struct Post {
    author: AuthorId,
    body: String,
    deleted: Option<Fate>,
}

impl Publishing {
    /// Some clients, some authors.
    pub fn new(chance: &mut Chance) -> Self {
        Self {
            clients: chance.within(1..=8).try_into().expect("a few"),
            authors: chance.within(1..=12),
            operations: 0,
            hands: Hands::default(),
            published: BTreeMap::new(),
            posts: BTreeMap::new(),
        }
    }

    fn publish(&mut self, client: usize, chance: &mut Chance) -> Call {
        self.operations += 1;
        let author = AuthorId(UserId(Id(USERS_FROM + u128::from(chance.below(self.authors)))));
        // Every fifth post is refused.
        let body = match self.operations % 5 {
            0 => " ".repeat(chance.magnitude(1..=100).try_into().expect("small")),
            _ => format!("post {}", self.operations),
        };
        self.hands.begin(client, Operation::Publish(author, body.clone()));
        Call::command(&author, &Publish { body })
    }

    fn delete(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let kept = self.posts.iter_mut().filter(|(_, post)| post.deleted.is_none());
        let mut kept: Vec<_> = kept.collect();
        let chosen = chance.index(kept.len().max(1));
        let (post, state) = kept.get_mut(chosen)?;
        state.deleted = Some(Fate::Unknown);
        self.hands.begin(client, Operation::Delete(**post));
        Some(Call::command(&state.author, &Delete { post: **post }))
    }

    fn check_author(&self, author: AuthorId, view: &mut View<'_>) -> Result<(), String> {
        let archive = archive(view, author)?;
        let counted = view.ask(&author, &Counts {})?.posts;
        holds(counted as usize == archive.len(), || {
            format!("{author} counts {counted} posts and has {}", archive.len())
        })?;
        let mut left: BTreeMap<&String, u64> = BTreeMap::new();
        for body in archive.values() {
            *left.entry(body).or_default() += 1;
        }
        let deleted = self.posts.values().filter(|post| post.author == author);
        let mut deleted: BTreeMap<_, _> = deleted.map(|post| (&post.body, post.deleted)).collect();
        for ((_, body), fate) in self.published.iter().filter(|((it, _), _)| *it == author) {
            let count = left.remove(body).unwrap_or(0);
            let is_allowed = match deleted.remove(body).flatten() {
                None | Some(Fate::Refused) => fate.allows(count),
                Some(Fate::Done) => count == 0,
                Some(Fate::Unknown) => count <= 1,
            };
            holds(is_allowed, || format!("{body} is {fate:?} and there are {count} of it"))?;
        }
        holds(left.is_empty(), || format!("nobody published {left:?}"))
    }
}

/// All posts of an author that are not deleted, and their texts.
///
/// # Errors
///
/// What is wrong with them.
pub fn archive(view: &mut View<'_>, of: AuthorId) -> Result<BTreeMap<PostId, String>, String> {
    let mut found = BTreeMap::new();
    let mut before = None;
    loop {
        let page = view.ask(&of, &Posts { before, limit: PageLimit::MAX })?;
        for post in page.posts {
            let is_new = found.insert(post.post, post.body).is_none();
            holds(is_new, || format!("{} is there twice", post.post))?;
        }
        before = page.next;
        if before.is_none() {
            return Ok(found);
        }
    }
}

impl Workload for Publishing {
    fn clients(&self) -> usize {
        self.clients
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let is_deletion = chance.hits(Odds(300_000));
        let deletion = if is_deletion { self.delete(client, chance) } else { None };
        Some(deletion.unwrap_or_else(|| self.publish(client, chance)))
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let fate = Fate::of(done);
        match self.hands.end(client) {
            Operation::Publish(author, body) => {
                let is_blank = body.trim().is_empty();
                holds(is_blank || fate != Fate::Refused, || format!("{body} was refused"))?;
                if let Some(Published { post }) = done.reply() {
                    let state = Post { author, body: body.clone(), deleted: None };
                    let before = self.posts.insert(post, state);
                    holds(before.is_none(), || format!("two posts are {post}"))?;
                }
                self.published.insert((author, body), fate);
            }
            Operation::Delete(post) => {
                holds(fate != Fate::Refused, || format!("{post} was gone"))?;
                self.posts.get_mut(&post).expect("it was published").deleted = Some(fate);
            }
        }
        Ok(())
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        for number in 0..self.authors {
            let author = AuthorId(UserId(Id(USERS_FROM + u128::from(number))));
            self.check_author(author, view).under(&author)?;
        }
        Ok(())
    }
}
