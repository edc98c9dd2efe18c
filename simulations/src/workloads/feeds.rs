//! Readers of feeds: whoever follows an author throughout gets each post exactly once, in order.

use std::collections::{BTreeMap, BTreeSet};

use actors::accounts::api::UserId;
use actors::feeds::api::{Backlog, FanOutId, FeedEntry, FeedId, Page, PulledAuthors};
use actors::follows::api::{Follow, FollowerId, Unfollow};
use actors::page::PageLimit;
use actors::posts::api::{AuthorId, PostId, Publish, Published, Pulled};
use entity::Id;

use super::crew::{Fate, Hands, Workload, holds};
use super::follows::followed;
use super::posts::archive;
use crate::chance::{Chance, Odds};
use crate::finding::{Under, Wrong};
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The first user of this workload. Authors come first, then readers.
const USERS_FROM: u128 = 4_000_000;

/// Publishes, and follows and unfollows while it goes on.
#[derive(Debug)]
pub struct Reading {
    clients: usize,
    authors: u64,
    readers: u64,
    /// Users who follow throughout: reader, author.
    steady: BTreeSet<(UserId, UserId)>,
    /// Authors followed by a crowd, and how many are in it: those beyond the inline limit are told
    /// page by page, those beyond the setting have to look for themselves.
    crowds: Vec<(UserId, u64)>,
    hands: Hands<Option<UserId>>,
    /// Posts that their authors know of.
    published: BTreeMap<UserId, BTreeSet<PostId>>,
}

impl Reading {
    /// Few authors, more readers, now and then a crowd.
    pub fn new(chance: &mut Chance, pull_above_followers: u64) -> Self {
        let mut reading = Self {
            clients: chance.within(1..=6).try_into().expect("a few"),
            authors: chance.within(1..=6),
            readers: chance.within(1..=20),
            steady: BTreeSet::new(),
            crowds: Vec::new(),
            hands: Hands::default(),
            published: BTreeMap::new(),
        };
        let sizes = [250, 254, 257, pull_above_followers - 4, pull_above_followers + 1, 520];
        let with_crowd = chance.hits(Odds(250_000));
        let size = *chance.pick(&sizes);
        if with_crowd {
            let author = chance.below(reading.authors);
            reading.crowds.push((reading.author(author), size));
        }
        reading
    }

    fn author(&self, number: u64) -> UserId {
        debug_assert!(number < self.authors, "one of the authors");
        UserId(Id(USERS_FROM + u128::from(number)))
    }

    fn reader(&self, number: u64) -> UserId {
        UserId(Id(USERS_FROM + u128::from(self.authors + number)))
    }

    /// Everybody who reads: those in crowds as well.
    fn everybody(&self) -> impl Iterator<Item = UserId> {
        let crowd = self.crowds.iter().map(|(_, size)| *size).max().unwrap_or(0);
        (0..self.readers + crowd).map(|number| self.reader(number))
    }

    /// Whether an author has and sees all posts there are.
    fn check_author(&self, author: UserId, view: &mut View<'_>) -> Result<Vec<PostId>, String> {
        let posts: Vec<_> = archive(view, AuthorId(author))?.into_keys().collect();
        let published = self.published.get(&author).cloned().unwrap_or_default();
        let is_lost = published.iter().any(|post| !posts.contains(post));
        holds(!is_lost, || format!("{author} has {posts:?} of {published:?}"))?;
        let backlog = view.ask(&FanOutId(author), &Backlog {})?.tasks;
        holds(backlog == 0, || format!("{author} has {backlog} pushes to do"))?;
        let own: Vec<_> = feed(view, author)?.into_iter().map(|entry| entry.post).collect();
        holds(own == posts, || format!("{author} sees {own:?} of {posts:?}"))?;
        Ok(posts)
    }

    fn check_reader(
        &self,
        reader: UserId,
        archives: &BTreeMap<UserId, Vec<PostId>>,
        pulled: &BTreeMap<UserId, Vec<PostId>>,
        view: &mut View<'_>,
    ) -> Result<(), Wrong> {
        let mut seen: BTreeMap<UserId, Vec<PostId>> = BTreeMap::new();
        for FeedEntry { author, post, .. } in feed(view, reader)? {
            seen.entry(author).or_default().push(post);
        }
        for posts in seen.values() {
            let rises = posts.windows(2).all(|two| two[0] < two[1]);
            holds(rises, || format!("the feed of {reader} is out of order: {posts:?}"))?;
        }
        let follows = followed(view, reader)?;
        let is_following = seen.keys().all(|author| follows.contains(author));
        holds(is_following, || format!("{reader} sees {seen:?}, and follows {follows:?}"))?;
        let looks = view.ask(&FeedId(reader), &PulledAuthors {})?.authors;
        for (_, author) in self.steady.range((reader, UserId::MIN)..=(reader, UserId(Id::MAX))) {
            let mut found: Vec<_> = seen.remove(author).unwrap_or_default();
            if looks.contains(author) {
                found.extend(&pulled[author]);
                found.sort_unstable();
            }
            let expected = &archives[author];
            holds(found == *expected, || {
                format!("{reader} sees {found:?} of {author}, and there are {expected:?}")
            })
            .under(author)?;
        }
        Ok(())
    }
}

/// A reader's feed, oldest first.
fn feed(view: &mut View<'_>, of: UserId) -> Result<Vec<FeedEntry>, String> {
    let mut found: Vec<FeedEntry> = Vec::new();
    let mut before = None;
    loop {
        let page = view.ask(&FeedId(of), &Page { before, limit: PageLimit::MAX })?;
        found.extend(page.items);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    found.reverse();
    let rises = found.windows(2).all(|two| two[0].offset < two[1].offset);
    holds(rises, || format!("offsets of the feed of {of} are out of order"))?;
    Ok(found)
}

fn pulled(view: &mut View<'_>, of: UserId) -> Result<Vec<PostId>, String> {
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = view.ask(&AuthorId(of), &Pulled { before, limit: PageLimit::MAX })?;
        found.extend(page.posts);
        before = page.next;
        if before.is_none() {
            return Ok(found);
        }
    }
}

impl Workload for Reading {
    fn clients(&self) -> usize {
        self.clients
    }

    fn ground(&mut self, chance: &mut Chance) -> Vec<Call> {
        for (author, size) in self.crowds.clone() {
            let crowd = (0..size).map(|number| (self.reader(self.readers + number), author));
            let crowd: Vec<_> = crowd.collect();
            self.steady.extend(crowd);
        }
        for reader in 0..self.readers {
            for author in 0..self.authors {
                if chance.flips() {
                    self.steady.insert((self.reader(reader), self.author(author)));
                }
            }
        }
        let follow = |(reader, author): &(UserId, UserId)| {
            Call::command(&FollowerId(*reader), &Follow { user: *author })
        };
        self.steady.iter().map(follow).collect()
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let author = self.author(chance.below(self.authors));
        let reader = self.reader(chance.below(self.readers));
        let (is_following, is_follow) = (chance.flips(), chance.flips());
        if is_following && !self.steady.contains(&(reader, author)) {
            self.hands.begin(client, None);
            let reader = FollowerId(reader);
            let follow = Call::command(&reader, &Follow { user: author });
            let unfollow = Call::command(&reader, &Unfollow { user: author });
            return Some(if is_follow { follow } else { unfollow });
        }
        self.hands.begin(client, Some(author));
        Some(Call::command(&AuthorId(author), &Publish { body: "Look".to_owned() }))
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let author = self.hands.end(client);
        holds(Fate::of(done) != Fate::Refused, || "nothing here is refused".to_owned())?;
        let Some(author) = author else { return Ok(()) };
        if let Some(Published { post }) = done.reply() {
            self.published.entry(author).or_default().insert(post);
        }
        Ok(())
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        let mut archives = BTreeMap::new();
        let mut left_to_pull = BTreeMap::new();
        for number in 0..self.authors {
            let author = self.author(number);
            let posts = self.check_author(author, view).under(&author)?;
            archives.insert(author, posts);
            left_to_pull.insert(author, pulled(view, author)?);
        }
        for reader in self.everybody() {
            self.check_reader(reader, &archives, &left_to_pull, view).under(&reader)?;
        }
        Ok(())
    }
}
