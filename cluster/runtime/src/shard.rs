//! One shard that this node leads: requests and messages in, one step after the other, answers out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cluster::executor::{Admission, Executor, Input, Output, Setup, Status};
use cluster::request::{Answer, Failure, Request};
use engine::Pressure;
use entity::Time;
use raft::group::Group;
use raft::ledger::RaftLedger;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;

/// Most items on their way to one shard. Above it requests are refused, and envelopes sent again
/// later.
pub const INBOX_MAX: usize = 8_192;

/// Most items taken in before the executor has its turn.
const ITEMS_TURN: usize = 1_024;

/// Longest sleep: bounds how late a jump of the clock is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// What comes to a shard.
pub enum Item {
    /// A request, and where its answer goes, with the time of the shard.
    Request(Request, oneshot::Sender<(Answer, Time)>),
    /// Something from another shard, or about who follows what.
    Input(Input),
    /// How it is doing.
    Status(oneshot::Sender<Status>),
}

/// The way to a shard that this node leads. Clones are the same.
#[derive(Clone, Debug)]
pub struct Inbox(mpsc::Sender<Item>);

/// Where goes what a shard says to others.
pub type Outlet = Arc<dyn Fn(Output) + Send + Sync>;

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
    /// Whether only commands are taken that make room.
    pub is_storage_full: Arc<AtomicBool>,
}

impl Inbox {
    /// An inbox and what comes into it.
    pub fn new() -> (Self, mpsc::Receiver<Item>) {
        let (sender, receiver) = mpsc::channel(INBOX_MAX);
        (Self(sender), receiver)
    }

    /// Hands something over.
    ///
    /// # Errors
    ///
    /// `Overloaded` when too much is on its way, `Moved` when the shard has left this node.
    pub fn send(&self, item: Item) -> Result<(), Failure> {
        self.0.try_send(item).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Failure::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Failure::Moved,
        })
    }
}

/// Who waits for which answer.
#[derive(Default)]
struct Waiting {
    last: u64,
    senders: BTreeMap<u64, oneshot::Sender<(Answer, Time)>>,
}

impl Life {
    /// Runs the shard until this node loses it. Whoever waits then is told that the shard has moved,
    /// or that nobody knows.
    pub async fn live(self, items: &mut mpsc::Receiver<Item>) {
        let mut ledger = RaftLedger::new(self.group.clone());
        let mut executor = Executor::new(self.setup.clone());
        let mut waiting = Waiting::default();
        loop {
            let now = self.clock.now();
            executor.admit_only(self.admission());
            executor.step(&mut ledger, now);
            tracing::trace!(node = self.group.member().node, ?now, status = ?executor.status());
            let is_over = self.say(&mut executor, &mut waiting);
            if is_over {
                return;
            }
            if executor.has_work() && executor.is_serving() {
                take_ready(items, &mut executor, &mut waiting);
                // Others on this thread have their turn.
                tokio::task::yield_now().await;
                continue;
            }
            let sleep = self.sleep(&executor);
            tokio::select! {
                biased;
                () = ledger.news() => {}
                item = items.recv() => {
                    let Some(item) = item else { return };
                    take(item, &mut executor, &mut waiting);
                    take_ready(items, &mut executor, &mut waiting);
                }
                () = self.group.home().sleep(sleep) => {}
            }
        }
    }

    fn admission(&self) -> Admission {
        if self.is_storage_full.load(Ordering::Relaxed) {
            Admission::Freeing
        } else if self.group.engine().pressure() == Pressure::None {
            Admission::All
        } else {
            Admission::None
        }
    }

    fn sleep(&self, executor: &Executor) -> Duration {
        let due = executor.next_step().map(|at| at.since(self.clock.now()));
        due.map_or(SLEEP_MAX, |due| due.clamp(Duration::from_millis(1), SLEEP_MAX))
    }

    /// Passes on what the executor says. Yields whether its life is over.
    fn say(&self, executor: &mut Executor, waiting: &mut Waiting) -> bool {
        let mut is_over = false;
        while let Some(output) = executor.output() {
            match output {
                Output::Answer { ticket, answer } => {
                    waiting.answered(ticket, answer, executor.time());
                }
                Output::Ended => is_over = true,
                Output::Envelope { .. } | Output::Acknowledge { .. } | Output::Published(_) => {
                    (self.outlet)(output);
                }
            }
        }
        is_over
    }
}

fn take_ready(items: &mut mpsc::Receiver<Item>, executor: &mut Executor, waiting: &mut Waiting) {
    for _ in 0..ITEMS_TURN {
        let Ok(item) = items.try_recv() else { return };
        take(item, executor, waiting);
    }
}

fn take(item: Item, executor: &mut Executor, waiting: &mut Waiting) {
    match item {
        Item::Request(request, sender) => {
            waiting.last += 1;
            waiting.senders.insert(waiting.last, sender);
            executor.input(Input::Request { ticket: waiting.last, request });
        }
        Item::Input(input) => executor.input(input),
        Item::Status(sender) => {
            // Whoever asked may have gone.
            sender.send(executor.status()).ok();
        }
    }
}

impl Waiting {
    fn answered(&mut self, ticket: u64, answer: Answer, time: Time) {
        tracing::trace!(ticket, ?answer);
        if let Some(sender) = self.senders.remove(&ticket) {
            // Whoever asked may have given up.
            sender.send((answer, time)).ok();
        }
    }
}
