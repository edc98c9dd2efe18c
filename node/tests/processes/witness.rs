//! Somebody who publishes through some nodes and asks others about it: what those answer is never old.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cluster::slots::{Directory, ShardId};
use entity::{Id, Key};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::author::Author;
use crate::client::{Client, PASSING};

/// Between two posts.
const PAUSE: Duration = Duration::from_millis(100);

/// The first name, far above those of the load.
const NAME_MIN: usize = 1_000;

/// Most accounts that are made until there is one in each shard.
const ACCOUNTS_MAX: usize = 100;

/// A question about a post: its number, what was answered, and where.
type Asked = (usize, Result<Option<usize>, String>, String);

/// Somebody who publishes, and asks.
pub(crate) struct Witness {
    author: Arc<Author>,
    posts: usize,
    asking: JoinSet<Asked>,
}

/// How questions were answered.
#[derive(Default)]
pub(crate) struct Answers {
    /// With the newest post.
    answered: usize,
    /// With errors, by their code.
    refused: BTreeMap<String, usize>,
}

impl Witness {
    /// One witness in each of so many shards, in their order.
    pub(crate) async fn of_each(shards: u32, anybody: &Client) -> Vec<Self> {
        let (directory, mut found) = (Directory::even(shards), BTreeMap::new());
        for name in NAME_MIN..NAME_MIN + ACCOUNTS_MAX {
            let author = Author::register(anybody, name).await;
            let user: Id = author.user().parse().expect("users are ids");
            let shard: ShardId = directory.shard_of(&user.to_bytes());
            let author = Arc::new(author);
            found.entry(shard).or_insert(Self { author, posts: 0, asking: JoinSet::new() });
            if found.len() == shards as usize {
                return found.into_values().collect();
            }
        }
        panic!("{ACCOUNTS_MAX} accounts are in {} shards", found.len());
    }

    /// Publishes until it is time to stop, and asks nodes after each post. Yields how long the longest
    /// post took.
    pub(crate) async fn watch(&mut self, asked: &[String], is_over: &AtomicBool) -> Duration {
        let mut longest = Duration::ZERO;
        while !is_over.load(Ordering::Relaxed) {
            let post = self.posts;
            longest = longest.max(self.author.publish(post).await);
            self.posts += 1;
            for url in asked.iter().cloned() {
                let author = Arc::clone(&self.author);
                self.asking.spawn(async move { (post, author.newest_at(&url).await, url) });
            }
            sleep(PAUSE).await;
        }
        longest
    }

    /// How all questions were answered since the last time.
    ///
    /// # Panics
    ///
    /// When an answer is anything else than what was newest, or that it cannot be told now.
    pub(crate) async fn answers(&mut self) -> Answers {
        let mut answers = Answers::default();
        while let Some(asked) = self.asking.join_next().await {
            let (post, newest, url) = asked.expect("questions end");
            answers.take(post, newest, &url);
        }
        answers
    }

    /// Checks that all posts are there, once and in order.
    pub(crate) async fn check(&self) {
        self.author.check(self.posts).await;
    }
}

impl Answers {
    fn take(&mut self, post: usize, newest: Result<Option<usize>, String>, url: &str) {
        match newest {
            Ok(newest) => {
                assert!(newest >= Some(post), "{url} says {newest:?}, after {post} was published");
                self.answered += 1;
            }
            Err(why) => {
                assert!(PASSING.contains(&&*why), "{url} says {why}");
                *self.refused.entry(why).or_default() += 1;
            }
        }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answers, errors {:?}", self.answered, self.refused)
    }
}
