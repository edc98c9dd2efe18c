//! What must be true in the end: streams hold what was done, and devices have seen streams.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actors::accounts::api::UserId;
use actors::feeds::FeedItem;
use actors::follows::FollowsEvent;
use actors::posts::PostChange;
use entity::{Data, Offset, Time};
use serde_json::{Value, json};

use super::book::{Book, Post};
use super::seen::{Look, Run};
use super::state::Sockets;
use super::topic::Topic;
use crate::chance::Chance;
use crate::nodes::cluster::World;
use crate::workloads::crew::holds;

/// How old what is shown may be, by the clock of a node that is slow, and a little more.
const AGE_MAX: Duration = Duration::from_millis(1_050);

/// Items that are read at once.
const PAGE_ITEMS: usize = 1_000;

/// How often a stream is read again that nobody reads out.
const ATTEMPTS_MAX: u32 = 50;

/// What streams hold when everything has settled.
#[derive(Debug, Default)]
pub struct Truth {
    /// What has come into the feed of each user, in order.
    feeds: Vec<Vec<FeedItem>>,
    /// Whom each user has begun and ceased to follow, in order.
    follows: Vec<Vec<FollowsEvent>>,
    /// What each user has published and deleted, in order.
    posts: Vec<Vec<PostChange>>,
}

/// A post that came, or that went.
type Change = (String, bool);

/// The post that everybody publishes when nothing goes wrong any more.
pub fn last_words(user: usize) -> String {
    format!("the last words of {user}")
}

impl Truth {
    /// Reads all streams.
    ///
    /// # Errors
    ///
    /// What cannot be read.
    pub async fn read(sockets: &Sockets, world: &World) -> Result<Self, String> {
        let users: Vec<_> = sockets.book.borrow().users.iter().copied().flatten().collect();
        let mut truth = Self::default();
        for user in users {
            truth.feeds.push(read(world, Topic::Feed, user).await?);
            truth.follows.push(read(world, Topic::Follows, user).await?);
            truth.posts.push(read(world, Topic::Posts, user).await?);
        }
        Ok(truth)
    }

    /// How many items the channel has that the devices of a user follow.
    fn last(&self, user: usize, topic: Topic) -> u64 {
        let owner = topic.owner(user, self.feeds.len());
        let count = match topic {
            Topic::Feed => self.feeds[owner].len(),
            Topic::Follows => self.follows[owner].len(),
            Topic::Posts => self.posts[owner].len(),
        };
        count as u64
    }
}

async fn read<T: Data>(world: &World, topic: Topic, user: UserId) -> Result<Vec<T>, String> {
    let stream = topic.stream(user);
    let mut chance = Chance::of(world.parts.plan.seed, "sockets: truth");
    let mut items: Vec<T> = Vec::new();
    let mut attempts = 0;
    while attempts < ATTEMPTS_MAX {
        attempts += 1;
        let client = world.any_client(&mut chance).ok_or("nobody is there")?;
        let from = Offset(items.len() as u64 + 1);
        let Ok(page) = client.follower().page(&stream, from, PAGE_ITEMS).await else { continue };
        for (offset, item) in page.items {
            holds(offset.0 == items.len() as u64 + 1, || format!("{offset:?} of {stream:?}"))?;
            items.push(T::decode(&item).map_err(|error| error.to_string())?);
            // Pages may be small.
            attempts = 0;
        }
        if items.len() as u64 == page.last.0 {
            return Ok(items);
        }
    }
    Err(format!("nobody reads out {stream:?}"))
}

/// A device that has not seen everything.
pub fn behind(sockets: &Sockets, truth: &Truth) -> Option<String> {
    let seen = sockets.seen.borrow();
    for (number, user) in sockets.plan.devices.iter().enumerate() {
        for topic in Topic::ALL {
            let position = seen.get(&(number, topic)).and_then(|it| it.position.as_ref());
            let last = truth.last(*user, topic);
            if position.is_none_or(|it| it.offset != last) {
                return Some(format!("device {number} is at {position:?} of {last} of {topic:?}"));
            }
        }
    }
    None
}

/// Whether everything is as it must be.
///
/// # Errors
///
/// What is wrong.
pub fn judge(sockets: &Sockets, truth: &Truth) -> Result<(), String> {
    let (book, seen) = (sockets.book.borrow(), sockets.seen.borrow());
    let court = Court { book: &book, truth, posts: by_id(&book)? };
    for user in 0..book.users.len() {
        court.feed(user).map_err(|what| format!("the feed of user {user}: {what}"))?;
        let changes = truth.posts[user].iter().map(posted);
        court.whole(changes, user).map_err(|what| format!("posts of user {user}: {what}"))?;
    }
    behind(sockets, truth).map_or(Ok(()), Err)?;
    for ((number, topic), seen) in &*seen {
        let user = sockets.plan.devices[*number];
        let named = |what| format!("device {number} of user {user}, {topic:?}: {what}");
        for run in &seen.runs {
            court.run(user, *topic, run).map_err(named)?;
        }
        for look in &seen.looks {
            court.look(user, look).map_err(named)?;
        }
        if *topic == Topic::Feed {
            let last = seen.looks.last().ok_or_else(|| named("it has never looked".to_owned()))?;
            court.last_look(user, last).map_err(named)?;
        }
    }
    Ok(())
}

/// Posts by their ids. All have one: whoever publishes asks until it is told.
fn by_id(book: &Book) -> Result<BTreeMap<&str, (&str, &Post)>, String> {
    let mut posts = BTreeMap::new();
    for (body, post) in &book.posts {
        let id = post.id.as_deref().ok_or_else(|| format!("nobody was told of {body:?}"))?;
        let before = posts.insert(id, (&**body, post));
        holds(before.is_none(), || format!("two posts have the id {id}"))?;
    }
    Ok(posts)
}

/// Compares what was done, what is there, and what was seen.
struct Court<'a> {
    book: &'a Book,
    truth: &'a Truth,
    posts: BTreeMap<&'a str, (&'a str, &'a Post)>,
}

impl Court<'_> {
    /// A feed holds every post of whom the user followed throughout, and the user's own, once and in the
    /// order of publishing, and that it was withdrawn, once, behind it; and what everybody said last if
    /// it is of somebody who is followed.
    fn feed(&self, user: usize) -> Result<(), String> {
        let items = &self.truth.feeds[user];
        for author in 0..self.book.users.len() {
            if self.is_steady(user, author) {
                self.whole(items.iter().map(delivered), author)?;
            }
            let words = last_words(author);
            let is_last = |it: &&FeedItem| self.found(it).is_some_and(|(body, _)| body == words);
            let count = items.iter().filter(is_last).count();
            let expected = usize::from(self.follows(user, author));
            holds(count == expected, || format!("{words:?} came {count} times, not {expected}"))?;
        }
        Ok(())
    }

    /// Every post of an author comes once and in the order of publishing, and its end once, behind it.
    fn whole(&self, items: impl Iterator<Item = Change>, author: usize) -> Result<(), String> {
        let (mut there, mut gone) = (BTreeSet::new(), BTreeSet::new());
        let mut orders: BTreeMap<usize, u64> = BTreeMap::new();
        for (id, is_gone) in items {
            let (body, post) = self.posts.get(&*id).ok_or_else(|| format!("what is {id}?"))?;
            if post.author != author {
                continue;
            }
            let is_new = if is_gone {
                there.contains(*body) && gone.insert(*body)
            } else {
                let (device, number) = post.order;
                let before = orders.insert(device, number).unwrap_or_default();
                holds(number > before, || format!("{body:?} follows number {before}"))?;
                there.insert(*body)
            };
            holds(is_new, || format!("{body:?} comes or goes twice, or goes before it comes"))?;
        }
        let own = self.book.posts.iter().filter(|(_, it)| it.author == author);
        for (body, post) in own {
            holds(there.contains(&**body), || format!("{body:?} has not come"))?;
            let is_gone = post.deleted_by.is_some();
            holds(is_gone == gone.contains(&**body), || {
                format!("{body:?} is deleted: {is_gone}, and that is not what is told")
            })?;
        }
        Ok(())
    }

    /// Items are those of the stream, each in its place, as they were to be shown at the time.
    fn run(&self, user: usize, topic: Topic, run: &Run) -> Result<(), String> {
        for (offset, (asked, item)) in (run.from..).zip(&run.items) {
            let place = usize::try_from(offset).expect("a few");
            let is_right = match topic {
                Topic::Feed => {
                    let items = &self.truth.feeds[user];
                    items.get(place).is_some_and(|it| self.may_show(it, item, *asked))
                }
                Topic::Follows => {
                    let event = self.truth.follows[user].get(place);
                    event.is_some_and(|it| json!(it) == *item)
                }
                Topic::Posts => {
                    let owner = topic.owner(user, self.truth.posts.len());
                    let change = self.truth.posts[owner].get(place);
                    change.is_some_and(|it| self.may_tell(it, item, *asked))
                }
            };
            holds(is_right, || format!("{item} came as number {}", offset + 1))?;
        }
        Ok(())
    }

    /// Whether an item of a feed may be shown like this.
    fn may_show(&self, item: &FeedItem, shown: &Value, asked: Option<Time>) -> bool {
        let (FeedItem::Post { author, post } | FeedItem::Withdrawn { author, post }) = item;
        let gone = json!({ "withdrawn": { "post": post, "author": author } });
        let Some((body, written)) = self.found(item) else { return false };
        match item {
            FeedItem::Withdrawn { .. } => *shown == gone,
            FeedItem::Post { .. } if *shown == gone => written.deleted_from.is_some(),
            FeedItem::Post { .. } => {
                may_be_there(written, asked) && self.is_shown(&shown["post"], body, written)
            }
        }
    }

    /// Whether a change of an author's posts may be shown like this.
    fn may_tell(&self, change: &PostChange, shown: &Value, asked: Option<Time>) -> bool {
        let (id, is_gone) = posted(change);
        let gone = json!({ "withdrawn": { "post": id } });
        let Some((body, written)) = self.posts.get(&*id) else { return false };
        if is_gone || *shown == gone {
            return *shown == gone && (is_gone || written.deleted_from.is_some());
        }
        let view = &shown["post"];
        may_be_there(written, asked) && view["post"] == id && view["body"] == *body
    }

    /// Whether a post is shown as it was written.
    fn is_shown(&self, shown: &Value, body: &str, post: &Post) -> bool {
        let author = self.book.users[post.author].map(|it| it.to_string());
        shown["body"] == body
            && shown["post"].as_str() == post.id.as_deref()
            && shown["author"].as_str() == author.as_deref()
            && shown["handle"] == format!("user_{}", post.author)
    }

    /// A look at the whole has everything that the device was not shown before, and nothing else.
    fn look(&self, user: usize, look: &Look) -> Result<(), String> {
        let mut found = Vec::new();
        for shown in look.items.iter().rev() {
            let id = shown["post"].as_str().unwrap_or_default();
            let (body, post) = self.posts.get(id).ok_or_else(|| format!("what is {shown}?"))?;
            holds(self.is_shown(shown, body, post), || format!("{shown} is not {body:?}"))?;
            let is_old = post.deleted_by.is_some_and(|by| look.at.since(by) > AGE_MAX);
            holds(!is_old, || format!("{shown} was deleted by {:?}", post.deleted_by))?;
            found.extend(self.is_sure(user, post).then_some(id));
        }
        let items = self.truth.feeds[user].iter().enumerate().filter_map(|(place, it)| {
            let FeedItem::Post { .. } = it else { return None };
            let (_, post) = self.found(it).filter(|(_, post)| self.is_sure(user, post))?;
            Some((place as u64 + 1, post.id.as_deref()?))
        });
        let (from, to) = look.offsets;
        let surely = items.clone().filter(|(offset, _)| *offset <= from).count();
        let there: Vec<_> = items.filter(|(offset, _)| *offset <= to).map(|(_, id)| id).collect();
        holds(there.starts_with(&found) && found.len() >= surely, || {
            format!("{found:?} was there, of {there:?}, {surely} of them for certain")
        })
    }

    /// Whether a post cannot have left the feed of a user, nor not have come there.
    fn is_sure(&self, user: usize, post: &Post) -> bool {
        post.deleted_from.is_none() && self.is_steady(user, post.author)
    }

    /// When everything has settled, the feed is what came of those who are followed and is not deleted.
    fn last_look(&self, user: usize, look: &Look) -> Result<(), String> {
        let items = self.truth.feeds[user].iter().rev().filter_map(|it| {
            let FeedItem::Post { .. } = it else { return None };
            let (_, post) = self.found(it)?;
            let is_there = post.deleted_by.is_none() && self.follows(user, post.author);
            is_there.then_some(post.id.as_deref()?)
        });
        let (found, there): (Vec<_>, Vec<_>) =
            (look.items.iter().filter_map(|it| it["post"].as_str()).collect(), items.collect());
        holds(found == there, || format!("{found:?} is shown, and {there:?} is there"))
    }

    /// The post that an item is of.
    fn found(&self, item: &FeedItem) -> Option<(&str, &Post)> {
        let (FeedItem::Post { post, .. } | FeedItem::Withdrawn { post, .. }) = item;
        self.posts.get(&*post.to_string()).copied()
    }

    fn is_steady(&self, user: usize, author: usize) -> bool {
        user == author || self.book.steady.contains(&(user, author))
    }

    fn follows(&self, user: usize, author: usize) -> bool {
        user == author || self.book.follows.contains(&(user, author))
    }
}

/// A post that has come into a feed, or has left it.
fn delivered(item: &FeedItem) -> Change {
    match item {
        FeedItem::Post { post, .. } => (post.to_string(), false),
        FeedItem::Withdrawn { post, .. } => (post.to_string(), true),
    }
}

/// A post that was published, or deleted.
fn posted(change: &PostChange) -> Change {
    match change {
        PostChange::Published { post, .. } => (post.to_string(), false),
        PostChange::Deleted { post } => (post.to_string(), true),
    }
}

/// Whether a post may be shown to somebody who asked then: what is shown is at most a second old.
fn may_be_there(post: &Post, asked: Option<Time>) -> bool {
    let deleted = post.deleted_by.zip(asked);
    deleted.is_none_or(|(by, asked)| asked.since(by) <= AGE_MAX)
}
