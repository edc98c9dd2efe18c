//! Finds a channel by its name, joins it, reads its past.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::request::Trace;
use cluster::stream::{PAGE_ITEMS_MAX, StreamId};
use entity::channel::SHOWN_MAX;
use entity::{Caller, ChannelType, Offset, Problem};
use raft::shared::Shared;
use runtime::follow::Event;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::outbox::Outbox;
use super::publication::Publication;
use super::topic::{Joined, Membership, Topic};
use crate::gateway::console::{self, Observer};
use crate::gateway::driver::{Drive, Driver};
use crate::gateway::knobs::Knobs;

/// Longest name of a channel, in bytes.
pub(crate) const CHANNEL_BYTES_MAX: usize = 255;

/// How long it may take until it is known where a stream begins: below what clients wait for an answer.
const JOIN_MAX: Duration = Duration::from_secs(4);

/// How long an item may take to be shown, before that is tried again.
const SHOW_MAX: Duration = Duration::from_secs(5);

/// Before it is tried again.
const SHOW_PAUSE: Duration = Duration::from_millis(100);

/// Why a channel is not followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refused {
    /// There is none of this name, and can be none.
    Unknown,
    /// It is not for this client.
    Forbidden,
    /// It has no past.
    NoPast,
    /// It cannot be read now.
    NotNow,
}

/// What there is of a channel behind a position.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    /// Position of the last item that was ever published.
    pub(crate) last: Offset,
    /// In order. The first is later than asked for if that one is no longer there.
    pub(crate) publications: Vec<Publication>,
}

/// A connection that follows a channel.
#[derive(Debug)]
pub(crate) struct Followed {
    /// As long as it is kept.
    pub(crate) membership: Membership,
    /// Items behind this position come to the outbox. None: the channel has no items, but says how
    /// something is now.
    pub(crate) position: Option<Offset>,
}

/// All channels. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    driver: Driver,
    knobs: Knobs,
    channels: BTreeMap<&'static str, ChannelType>,
    topics: Shared<BTreeMap<String, Arc<Topic>>>,
}

/// A channel that was found.
#[derive(Clone, Debug)]
enum Found<'a> {
    /// A stream, and how it is shown.
    Stream(&'a ChannelType, StreamId),
    /// [`console::CHANNEL`]
    Status,
}

impl Hub {
    /// The channels that services declare.
    pub(crate) fn new(driver: Driver, channels: Vec<ChannelType>, knobs: Knobs) -> Self {
        let channels = channels.into_iter().map(|it| (it.name, it)).collect();
        Self(Arc::new(Inner { driver, knobs, channels, topics: Shared::default() }))
    }

    /// Its limits.
    pub(crate) fn knobs(&self) -> &Knobs {
        &self.0.knobs
    }

    /// Names the history that positions belong to: that of the cluster.
    pub(crate) fn epoch(&self) -> String {
        format!("{:x}", self.0.driver.client.router().roster().incarnation())
    }

    fn find(&self, name: &str, caller: &Caller) -> Result<Found<'_>, Refused> {
        if name == console::CHANNEL {
            let is_operator = *caller == Caller::Operator;
            return is_operator.then_some(Found::Status).ok_or(Refused::Forbidden);
        }
        let (kind, key) = name.split_once(':').ok_or(Refused::Unknown)?;
        let channel = self.0.channels.get(kind).ok_or(Refused::Unknown)?;
        let entity = channel.find(key).ok_or(Refused::Unknown)?;
        if !channel.admits(caller, &entity) {
            return Err(Refused::Forbidden);
        }
        Ok(Found::Stream(channel, StreamId { entity, stream: channel.stream }))
    }

    /// Follows a channel: items behind the position that it yields come to the outbox.
    ///
    /// # Errors
    ///
    /// [`Refused`]
    pub(crate) async fn follow(
        &self,
        name: &str,
        caller: &Caller,
        outbox: &Arc<Outbox>,
    ) -> Result<Followed, Refused> {
        let stream = match self.find(name, caller)? {
            Found::Stream(_, stream) => stream,
            Found::Status => {
                let membership = self.watch(outbox).ok_or(Refused::NotNow)?;
                return Ok(Followed { membership, position: None });
            }
        };
        let Joined { membership, begins } = self.join(name, &stream, outbox)?;
        let position = timeout(JOIN_MAX, begins).await.map_err(|_late| Refused::NotNow)?;
        let position = position.map_err(|_lost| Refused::NotNow)?;
        Ok(Followed { membership, position: Some(position) })
    }

    /// Follows how the cluster is doing. Whoever is the first has it found out.
    fn watch(&self, outbox: &Arc<Outbox>) -> Option<Membership> {
        let (joined, first) = self.0.topics.with(|topics| {
            if let Some(joined) = topics.get(console::CHANNEL).and_then(|it| it.join(outbox)) {
                return Some((joined, None));
            }
            let topic = Arc::new(Topic::new(console::CHANNEL));
            topic.begin(Offset(0));
            topics.insert(console::CHANNEL.to_owned(), Arc::clone(&topic));
            Some((topic.join(outbox)?, Some(topic)))
        })?;
        if let Some(topic) = first {
            self.0.driver.client.router().peers().home().spawn(self.clone().tell(topic));
        }
        Some(joined.membership)
    }

    /// Tells how the cluster is doing, until nobody wants to know.
    async fn tell(self, topic: Arc<Topic>) {
        let mut observer = Observer::new(self.0.driver.client.clone());
        let telling = async {
            loop {
                let begun = Instant::now();
                topic.show(&observer.look().await);
                sleep_until(begun + console::PERIOD).await;
            }
        };
        tokio::select! {
            biased;
            () = topic.emptied() => {}
            () = telling => {}
        }
        self.forget(&topic);
    }

    fn join(&self, name: &str, stream: &StreamId, outbox: &Arc<Outbox>) -> Result<Joined, Refused> {
        let known = self.0.topics.with(|topics| topics.get(name).and_then(|it| it.join(outbox)));
        if let Some(joined) = known {
            return Ok(joined);
        }
        let client = &self.0.driver.client;
        let events = client.follower().read(stream).map_err(|_moved| Refused::NotNow)?;
        let topic = Arc::new(Topic::new(name));
        let joined = topic.join(outbox).ok_or(Refused::NotNow)?;
        // Somebody else may have been quicker: then both are followed until one is left.
        self.0.topics.with(|topics| topics.insert(name.to_owned(), Arc::clone(&topic)));
        client.router().peers().home().spawn(self.clone().keep(topic, events));
        Ok(joined)
    }

    /// Hands on what comes, until nobody wants it.
    async fn keep(self, topic: Arc<Topic>, mut events: mpsc::Receiver<Event>) {
        loop {
            let event = tokio::select! {
                biased;
                () = topic.left.notified() => {
                    if topic.end() { break }
                    continue;
                }
                event = events.recv() => event,
            };
            let is_kept = match event {
                Some(Event::Begin(position)) => {
                    topic.begin(position);
                    true
                }
                Some(Event::Item(offset, item)) => {
                    self.hand_on(&topic, (offset, item), &mut events).await
                }
                Some(Event::Silence) => {
                    topic.silence();
                    !topic.is_over()
                }
                // What is missing is for whoever comes back to find out.
                Some(Event::Gap(_)) | None => false,
            };
            if !is_kept {
                topic.lose();
                break;
            }
        }
        self.forget(&topic);
    }

    /// Nobody joins a topic any more.
    fn forget(&self, topic: &Arc<Topic>) {
        self.0.topics.with(|topics| {
            if topics.get(&*topic.name).is_some_and(|it| Arc::ptr_eq(it, topic)) {
                topics.remove(&*topic.name);
            }
        });
    }

    /// Hands on an item, and those that have come with it. Yields whether it can go on.
    async fn hand_on(
        &self,
        topic: &Topic,
        first: (Offset, Bytes),
        events: &mut mpsc::Receiver<Event>,
    ) -> bool {
        let (mut items, mut is_whole) = (vec![first], true);
        while items.len() < SHOWN_MAX && is_whole {
            match events.try_recv() {
                Ok(Event::Item(offset, item)) => items.push((offset, item)),
                Ok(Event::Silence) => {
                    topic.silence();
                    is_whole = !topic.is_over();
                }
                Ok(Event::Begin(_) | Event::Gap(_)) => is_whole = false,
                Err(_none) => break,
            }
        }
        let kind = topic.name.split(':').next().and_then(|it| self.0.channels.get(it));
        let Some(channel) = kind else { return false };
        let begun = Instant::now();
        loop {
            match self.show(channel, &items).await {
                Ok(publications) => {
                    topic.publish(&publications);
                    return is_whole;
                }
                Err(problem) => {
                    tracing::debug!(channel = &*topic.name, problem.detail, "not shown yet");
                }
            }
            if begun.elapsed() > SHOW_MAX {
                topic.silence();
            }
            if topic.end() {
                return false;
            }
            sleep(SHOW_PAUSE).await;
        }
    }

    async fn show(
        &self,
        channel: &ChannelType,
        items: &[(Offset, Bytes)],
    ) -> Result<Vec<Publication>, Problem> {
        let deadline = Instant::now() + SHOW_MAX;
        let (caller, key, trace) = (Caller::Operator, None, Trace::default());
        let drive = Drive { caller, key, deadline, trace };
        let encoded: Vec<&[u8]> = items.iter().map(|(_, item)| &**item).collect();
        let shown = self.0.driver.run(&drive, |cx| channel.show(&encoded, cx)).await?;
        let offsets = items.iter().map(|(offset, _)| *offset);
        Ok(offsets.zip(shown).map(|(offset, data)| Publication { offset, data }).collect())
    }

    /// Reads items of a channel from one on, up to one and at most so many.
    ///
    /// # Errors
    ///
    /// [`Refused`]
    pub(crate) async fn past(
        &self,
        name: &str,
        caller: &Caller,
        (from, limit): (Offset, usize),
    ) -> Result<Past, Refused> {
        let Found::Stream(channel, stream) = self.find(name, caller)? else {
            return Err(Refused::NoPast);
        };
        let (mut past, mut from) = (Past { last: Offset(0), publications: Vec::new() }, from);
        loop {
            let wanted = (limit - past.publications.len()).min(PAGE_ITEMS_MAX);
            let page = self.0.driver.client.follower().page(&stream, from, wanted).await;
            let page = page.map_err(|_failure| Refused::NotNow)?;
            past.last = page.last;
            let items: Vec<_> =
                page.items.into_iter().map(|(offset, item)| (offset, item.into())).collect();
            for items in items.chunks(SHOWN_MAX) {
                let shown = self.show(channel, items).await;
                past.publications.extend(shown.map_err(|_problem| Refused::NotNow)?);
            }
            match items.last() {
                Some((offset, _)) if past.publications.len() < limit && *offset < past.last => {
                    from = Offset(offset.0 + 1);
                }
                Some(_) | None => return Ok(past),
            }
        }
    }
}
