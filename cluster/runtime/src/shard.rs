//! One shard that this node leads: requests and messages in, one step after the other, answers out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cluster::executor::{Admission, Executor, Input, Output, Setup, Status};
use cluster::operator::Shards;
use cluster::request::{Answer, Failure, Request, Trace, Verb};
use cluster::slots::ShardId;
use cluster::stream::{Lengths, Positions, StreamId};
use cluster::transport::NodeId;
use engine::Pressure;
use entity::registry::Outcome;
use entity::{Address, Caller, Data, Key, Kind, Query, Release, Time};
use raft::group::Group;
use raft::ledger::RaftLedger;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::follow::audience::Audience;
use crate::follow::message::{Frame, Watch, Watched};

/// Most items on their way to one shard. Above it requests are refused, and envelopes sent again
/// later.
pub const INBOX_MAX: usize = 8_192;

/// Most items taken in before the executor has its turn.
const ITEMS_TURN: usize = 1_024;

/// Longest sleep: bounds how late a jump of the clock is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// How long what comes to a shard waits for it to serve. Then requests are turned away, and nothing is in
/// doubt: a shard that nobody can open must not look like one that is slow.
const OPENING_MAX: Duration = Duration::from_millis(100);

/// What comes to a shard.
pub enum Item {
    /// A request, and where its answer goes, with the time of the shard.
    Request(Request, oneshot::Sender<(Answer, Time)>),
    /// Something from another shard, or about who follows what.
    Input(Input),
    /// How it is doing.
    Status(oneshot::Sender<Status>),
    /// A node follows it. None: the session is not known.
    Watch(NodeId, Watch, oneshot::Sender<Option<Watched>>),
}

/// The way to a shard that this node leads. Clones are the same.
#[derive(Clone, Debug)]
pub struct Inbox(mpsc::Sender<Item>);

/// What a shard says to others.
pub enum Said {
    /// To another shard.
    Output(Output),
    /// To a node that follows it.
    Frame(NodeId, Frame),
}

/// Where goes what a shard says to others.
pub type Outlet = Arc<dyn Fn(Said) + Send + Sync>;

/// A life of a shard on this node.
pub struct Life {
    /// What the executor is made of.
    pub setup: Setup,
    /// The group of the shard.
    pub group: Group,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What the shard says to others.
    pub outlet: Outlet,
    /// Where the node stores.
    pub disk: Arc<Disk>,
}

impl Inbox {
    /// An inbox and what comes into it.
    pub fn new() -> (Self, mpsc::Receiver<Item>) {
        let (sender, receiver) = mpsc::channel(probe::knob!(InboxItems, INBOX_MAX));
        (Self(sender), receiver)
    }

    /// Hands something over.
    ///
    /// # Errors
    ///
    /// `Overloaded` when too much is on its way, `Moved` when the shard has left this node.
    pub fn send(&self, item: Item) -> Result<(), Failure> {
        if probe::buggify!(InboxRefuses) {
            return Err(Failure::Overloaded);
        }
        self.0.try_send(item).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                probe::sometimes!(InboxFull);
                Failure::Overloaded
            }
            mpsc::error::TrySendError::Closed(_) => Failure::Moved,
        })
    }
}

/// Answers what came to a shard that does not live here any more: nothing of it has happened.
pub(crate) fn turn_away(mut items: mpsc::Receiver<Item>) {
    items.close();
    while let Ok(item) = items.try_recv() {
        if let Item::Request(_, sender) = item {
            // Whoever asked may have given up.
            sender.send((Answer::Failure(Failure::Moved), Time::default())).ok();
        }
    }
}

/// A life under way.
struct Living {
    life: Life,
    executor: Executor,
    waiting: Waiting,
    audience: Audience,
}

/// Who waits for which answer.
#[derive(Default)]
struct Waiting {
    last: u64,
    senders: BTreeMap<u64, oneshot::Sender<(Answer, Time)>>,
    watchers: BTreeMap<u64, Watcher>,
}

/// A node that waits for positions.
struct Watcher {
    node: NodeId,
    session: u64,
    sender: oneshot::Sender<Option<Watched>>,
}

impl Life {
    /// Runs the shard until this node loses it. Whoever waits then is told that the shard has moved,
    /// or that nobody knows.
    pub async fn live(self, items: &mut mpsc::Receiver<Item>) {
        let mut ledger = RaftLedger::new(self.group.clone());
        let executor = Executor::new(self.setup.clone());
        let (waiting, audience) = (Waiting::default(), Audience::default());
        let mut living = Living { life: self, executor, waiting, audience };
        let home = living.life.group.home().clone();
        let opened = home.now() + probe::knob!(OpeningPatience, OPENING_MAX);
        loop {
            let now = living.life.clock.now();
            living.executor.admit_only(living.life.admission());
            living.executor.step(&mut ledger, now);
            tracing::trace!(
                node = living.life.group.member().node,
                ?now,
                status = ?living.executor.status()
            );
            let is_over = living.say();
            if is_over || probe::buggify!(LifeEnds) {
                return;
            }
            if living.executor.has_work() && living.executor.is_serving() {
                living.take_ready(items);
                // Others on this thread have their turn.
                tokio::task::yield_now().await;
                continue;
            }
            let opening = opened - home.now();
            let takes = living.executor.is_serving() || opening.is_zero();
            let sleep = if takes { living.sleep() } else { opening };
            probe::sometimes!(OpeningAwaited, !takes && !items.is_empty());
            tokio::select! {
                biased;
                () = ledger.news() => {}
                item = items.recv(), if takes => {
                    let Some(item) = item else { return };
                    living.take(item);
                    living.take_ready(items);
                }
                () = home.sleep(sleep) => {}
            }
        }
    }

    fn admission(&self) -> Admission {
        if self.disk.is_full() {
            Admission::Freeing
        } else if self.group.engine().pressure() == Pressure::None {
            Admission::All
        } else {
            Admission::None
        }
    }
}

impl Living {
    fn sleep(&self) -> Duration {
        let due = self.executor.next_step().map(|at| at.since(self.life.clock.now()));
        let now = self.life.group.home().now();
        let frames = self.audience.due().map(|at| at - now);
        let (due, max) = (due.into_iter().chain(frames).min(), probe::knob!(ShardSleep, SLEEP_MAX));
        due.map_or(max, |due| due.clamp(Duration::from_millis(1), max))
    }

    /// Passes on what the executor says. Yields whether its life is over.
    fn say(&mut self) -> bool {
        let (mut is_over, now) = (false, self.life.group.home().now());
        while let Some(output) = self.executor.output() {
            match output {
                Output::Answer { ticket, answer } => self.answer(ticket, answer),
                Output::Ended => is_over = true,
                Output::Published(publication) => self.audience.published(publication, now),
                Output::Changed(mark) => self.audience.changed(mark, now),
                Output::Envelope { .. } | Output::Acknowledge { .. } => {
                    (self.life.outlet)(Said::Output(output));
                }
            }
        }
        for (node, frame) in self.audience.leaving(now) {
            (self.life.outlet)(Said::Frame(node, frame));
        }
        is_over
    }

    fn take_ready(&mut self, items: &mut mpsc::Receiver<Item>) {
        for _ in 0..probe::knob!(TurnItems, ITEMS_TURN) {
            if probe::buggify!(TurnEndsEarly) {
                return;
            }
            let Ok(item) = items.try_recv() else { return };
            self.take(item);
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Request(request, sender) => {
                let ticket = self.waiting.ticket();
                self.waiting.senders.insert(ticket, sender);
                self.executor.input(Input::Request { ticket, request });
            }
            Item::Input(input) => self.executor.input(input),
            Item::Status(sender) => {
                // Whoever asked may have gone.
                sender.send(self.executor.status()).ok();
            }
            Item::Watch(node, watch, sender) => self.watch(node, watch, sender),
        }
    }

    /// A node follows the shard. The question for positions goes the way of all questions: its answer
    /// comes when everything before it has been published.
    fn watch(&mut self, node: NodeId, watch: Watch, sender: oneshot::Sender<Option<Watched>>) {
        let now = self.life.group.home().now();
        let Some(inputs) = self.audience.watch(node, &watch, now) else {
            // Whoever asked may have gone.
            sender.send(None).ok();
            return;
        };
        for input in inputs {
            self.executor.input(input);
        }
        let ticket = self.waiting.ticket();
        let watcher = Watcher { node, session: watch.session, sender };
        self.waiting.watchers.insert(ticket, watcher);
        let request = positions(self.life.setup.shard, watch.follow);
        self.executor.input(Input::Request { ticket, request });
    }

    fn answer(&mut self, ticket: u64, answer: Answer) {
        tracing::trace!(ticket, ?answer);
        if let Some(sender) = self.waiting.senders.remove(&ticket) {
            if probe::buggify!(AnswerLost) {
                return;
            }
            // Whoever asked may have given up.
            sender.send((answer, self.executor.time())).ok();
        } else if let Some(watcher) = self.waiting.watchers.remove(&ticket) {
            self.confirm(watcher, answer);
        }
    }

    /// Answers a node that follows the shard.
    fn confirm(&mut self, Watcher { node, session, sender }: Watcher, answer: Answer) {
        let lasts = match answer {
            Answer::Outcome(Outcome::Reply(bytes)) => Lengths::decode(&bytes).ok(),
            Answer::Outcome(Outcome::Refusal(_)) | Answer::Failure(_) => None,
        };
        // Without an answer nothing was confirmed, and the node asks again.
        if let Some(Lengths { lasts }) = lasts {
            let sent = self.audience.close(node, session);
            sender.send(sent.map(|sent| Watched { sent, lasts })).ok();
        }
    }
}

impl Waiting {
    fn ticket(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// Asks a shard for positions of streams.
fn positions(shard: ShardId, streams: Vec<StreamId>) -> Request {
    let mut body = Vec::new();
    Positions { streams }.encode(Release::NEWEST, &mut body);
    let to = Address { kind: Shards::TAG, key: shard.to_bytes() };
    let (caller, verb, tag) = (Caller::Operator, Verb::Query, Positions::TAG);
    Request { to, caller, verb, tag, body: body.into(), trace: Trace::default() }
}
