//! All that a node follows: streams that somebody reads, and entities whose answers are kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cluster::operator::Shards;
use cluster::request::{Answer, Failure, Request, Trace, Verb};
use cluster::slots::ShardId;
use cluster::stream::{Mark, PAGE_ITEMS_MAX, ReadStream, StreamId, StreamPage};
use entity::registry::Outcome;
use entity::{Address, Caller, Data, Key, Kind, Offset, Query, Release};
use futures::future::join_all;
use raft::shared::Shared;
use tokio::sync::{Notify, mpsc, oneshot};

use super::cache::{Cache, Found, Question, Ticket};
use super::message::{Frame, Watch};
use super::source::{Event, Source};
use crate::router::Router;

/// Between two questions to a shard whether everything has come.
const PERIOD: Duration = Duration::from_millis(300);

/// Before a question is repeated that nobody has answered.
const RETRY: Duration = Duration::from_millis(50);

/// Most streams that are read at once because something was missed.
const READS_MAX: usize = 16;

/// How long such a read is tried before the next round.
const READ_PATIENCE: Duration = Duration::from_secs(2);

/// Most items that wait for one reader. One that lets more gather is left behind.
pub const READER_ITEMS_MAX: usize = 1_024;

/// What a node follows. Clones are the same.
#[derive(Clone)]
pub struct Follower(Arc<Inner>);

struct Inner {
    router: Router,
    sources: Shared<BTreeMap<ShardId, Followed>>,
    cache: Shared<Cache>,
}

struct Followed {
    source: Source,
    /// Something new is wanted.
    woken: Arc<Notify>,
}

/// What there is of an answer.
pub(crate) enum Kept {
    /// All of it.
    Answer(Answer),
    /// Somebody else asks. Nothing comes if it may not be kept.
    Coming(oneshot::Receiver<Outcome>),
    /// Nothing, but it may be kept when it comes.
    Asked(Asking),
    /// Nothing, and it must not be kept: the shard is not trusted.
    Nothing,
}

/// A question whose answer may be kept. Whoever asks the same meanwhile waits for it.
pub(crate) struct Asking {
    follower: Follower,
    shard: ShardId,
    question: Question,
    ticket: Ticket,
    answer: Option<Answer>,
}

impl Asking {
    /// The answer has come: it is kept if nothing was missed meanwhile.
    pub(crate) fn answered(mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl Drop for Asking {
    /// Without an answer, because whoever asked has gone, others ask themselves.
    fn drop(&mut self) {
        let Self { follower, shard, question, ticket, answer } = self;
        let now = follower.0.router.peers().home().now();
        let session =
            follower.0.sources.with(|sources| sources.get_mut(shard)?.source.trusted(now));
        let asked = (*ticket, session);
        follower.0.cache.with(|cache| cache.end(*shard, question, asked, answer.as_ref()));
    }
}

impl Follower {
    /// A node that follows nothing yet.
    pub fn new(router: Router) -> Self {
        let (sources, cache) = (Shared::default(), Shared::default());
        Self(Arc::new(Inner { router, sources, cache }))
    }

    /// Reads a stream from now on. The first event tells where it begins; from there on every item comes
    /// once and in order, through changes of the leader too; [`Event::Silence`] tells that they may be
    /// late. The end comes when the reader does not keep
    /// up, or the node goes down: what is missing can be read with [`Follower::page`].
    ///
    /// # Errors
    ///
    /// `Moved` while this node does not know the cluster.
    pub fn read(&self, stream: &StreamId) -> Result<mpsc::Receiver<Event>, Failure> {
        let shard = self.0.router.roster().home(&stream.entity)?;
        let (sender, receiver) = mpsc::channel(probe::knob!(ReaderItems, READER_ITEMS_MAX));
        self.with(shard, |source| source.read(stream, sender));
        Ok(receiver)
    }

    /// Reads a page of a stream, from one item on, at most [`PAGE_ITEMS_MAX`].
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    pub async fn page(
        &self,
        stream: &StreamId,
        from: Offset,
        limit: usize,
    ) -> Result<StreamPage, Failure> {
        let shard = self.0.router.roster().home(&stream.entity)?;
        let limit = u16::try_from(limit.min(PAGE_ITEMS_MAX)).expect("a thousand");
        let read = ReadStream { of: stream.clone(), from, limit };
        let mut body = Vec::new();
        read.encode(Release::NEWEST, &mut body);
        let to = Address { kind: Shards::TAG, key: shard.to_bytes() };
        let (caller, verb, tag) = (Caller::Operator, Verb::Query, ReadStream::TAG);
        let (body, trace) = (body.into(), Trace::default());
        let request = Request { to, caller, verb, tag, body, trace };
        let deadline = self.0.router.peers().home().now() + READ_PATIENCE;
        match self.0.router.ask(shard, vec![request], deadline).await.pop() {
            Some(Answer::Outcome(Outcome::Reply(bytes))) => {
                StreamPage::decode(&bytes).map_err(|_layout| Failure::Unreadable)
            }
            Some(Answer::Failure(failure)) => Err(failure),
            Some(Answer::Outcome(Outcome::Refusal(_))) | None => Err(Failure::Unknown),
        }
    }

    /// The answer to a question, if it is kept. It may be as old as a shard is trusted
    /// ([`super::source::TRUST`]), and no older.
    pub(crate) fn kept(&self, shard: ShardId, request: &Request) -> Kept {
        let now = self.0.router.peers().home().now();
        let trusted = self.with(shard, |source| source.trusted(now));
        let Some(session) = trusted.filter(|_| !probe::buggify!(Distrusted)) else {
            probe::sometimes!(KeptAnswerDistrusted);
            return Kept::Nothing;
        };
        let question = Question::of(request);
        self.0.cache.with(|cache| match cache.get(shard, &question, session) {
            Some(found) if !probe::buggify!(KeptForgotten) => match found {
                Found::Here(outcome) => {
                    probe::sometimes!(KeptAnswerTold);
                    Kept::Answer(Answer::Outcome(outcome))
                }
                Found::Coming(answer) => {
                    probe::sometimes!(AnswerAwaited);
                    Kept::Coming(answer)
                }
            },
            Some(_) | None => {
                let ticket = cache.begin(shard, question.clone(), session);
                let (follower, answer) = (self.clone(), None);
                Kept::Asked(Asking { follower, shard, question, ticket, answer })
            }
        })
    }

    /// An entity may have changed: what is kept of it is old.
    pub(crate) fn forget(&self, shard: ShardId, changed: Mark) {
        self.0.cache.with(|cache| cache.forget(shard, &[changed]));
    }

    /// A frame has come.
    pub(crate) fn take(&self, shard: ShardId, frame: Frame) {
        if probe::buggify!(FrameDropped) {
            return;
        }
        self.0.sources.with(|sources| {
            let Some(followed) = sources.get_mut(&shard) else { return };
            let changed = followed.source.frame(frame);
            if !probe::mutant!(ChangesMissed) {
                // In one step: nobody may find an answer that a frame has just made old.
                self.0.cache.with(|cache| cache.forget(shard, &changed));
            }
        });
    }

    fn with<R>(&self, shard: ShardId, work: impl FnOnce(&mut Source) -> R) -> R {
        let home = self.0.router.peers().home();
        let (result, is_new) = self.0.sources.with(|sources| {
            let is_new = !sources.contains_key(&shard);
            let begin = || Followed {
                source: Source::new(home.seed(), home.now()),
                woken: Arc::new(Notify::new()),
            };
            let followed = sources.entry(shard).or_insert_with(begin);
            let result = work(&mut followed.source);
            if followed.source.is_hasty() {
                followed.woken.notify_one();
            }
            (result, is_new)
        });
        if is_new {
            home.spawn(keep(self.clone(), shard));
        }
        result
    }

    /// What to ask of a shard now; none when it is not followed any more.
    fn order(&self, shard: ShardId) -> Option<(Watch, Arc<Notify>)> {
        let now = self.0.router.peers().home().now();
        self.0.sources.with(|sources| {
            let followed = sources.get_mut(&shard)?;
            let watch = followed.source.order();
            if followed.source.is_idle(now) {
                sources.remove(&shard);
                return None;
            }
            Some((watch, Arc::clone(&followed.woken)))
        })
    }

    /// Reads some of what was missed. Yields whether that made a difference.
    async fn catch_up(&self, shard: ShardId) -> bool {
        let limit = probe::knob!(FollowReads, READS_MAX);
        let missing = self.with(shard, |source| source.missing(limit));
        let reads = missing.iter().map(|(stream, from)| async move {
            (stream, self.page(stream, *from, PAGE_ITEMS_MAX).await)
        });
        for (stream, page) in join_all(reads).await {
            match page {
                Ok(page) => self.with(shard, |source| source.page(stream, page)),
                Err(failure) => tracing::debug!(shard = shard.0, %failure, "a stream is not read"),
            }
        }
        self.with(shard, |source| source.missing(limit)) != missing
    }
}

/// Follows a shard until nobody wants anything of it.
async fn keep(follower: Follower, shard: ShardId) {
    let home = follower.0.router.peers().home().clone();
    while let Some((watch, woken)) = follower.order(shard) {
        let asked = home.now();
        let answer = follower.0.router.watch(shard, watch.clone()).await;
        let is_watched = matches!(answer, Ok(Some(_)));
        tracing::trace!(me = follower.0.router.peers().me().0, shard = shard.0, ?watch, ?answer);
        if let Ok(answer) = answer {
            follower.with(shard, |source| source.answered(watch, asked, answer));
        }
        let is_read = follower.catch_up(shard).await;
        follower.with(shard, |source| source.listen(home.now()));
        let (is_whole, is_hasty) =
            follower.with(shard, |it| (it.missing(1).is_empty(), it.is_hasty()));
        if !is_watched || !is_whole && !is_read {
            home.sleep(probe::knob!(FollowRetry, RETRY)).await;
        } else if is_whole && !is_hasty {
            tokio::select! {
                biased;
                () = woken.notified() => {}
                () = home.sleep(probe::knob!(FollowPeriod, PERIOD)) => {}
            }
        }
    }
}
