//! One thread and its shards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use cluster::executor::{Executor, Input, Output, Setup, Status};
use cluster::memory::MemoryShard;
use cluster::request::{Answer, Request, RequestId, Verb};
use cluster::sender::Sender;
use cluster::slots::ShardId;
use tokio::sync::oneshot;

use super::waiters::Waiters;
use crate::world;

/// What comes to a thread.
#[derive(Debug)]
pub(super) enum Item {
    /// A command for an entity.
    Command {
        shard: ShardId,
        key: Option<RequestId>,
        request: Request,
        answer: oneshot::Sender<Answer>,
    },
    /// Questions for entities of one shard.
    Ask { shard: ShardId, requests: Vec<Request>, answers: oneshot::Sender<Vec<Answer>> },
    /// Something from another shard.
    Input { shard: ShardId, input: Input },
    /// What a shard is doing.
    Status { shard: ShardId, status: oneshot::Sender<Status> },
    /// The node stops.
    Stop,
}

/// Longest sleep: bounds how late a jump of the clock is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Most items taken in before the shards have their turn.
const ITEMS_TURN: usize = 1_024;

/// One thread's shards, who waits for them, and the other threads.
pub(super) struct Worker {
    shards: BTreeMap<ShardId, Shard>,
    others: Arc<Vec<SyncSender<Item>>>,
    sender: Sender,
    /// Shards that have something to do.
    awake: BTreeSet<ShardId>,
}

struct Shard {
    setup: Setup,
    executor: Executor,
    memory: MemoryShard,
    waiters: Waiters,
}

impl Worker {
    pub(super) fn new(
        setups: Vec<Setup>,
        others: Arc<Vec<SyncSender<Item>>>,
        incarnation: u64,
    ) -> Self {
        let shard = |setup: Setup| Shard {
            executor: Executor::new(setup.clone()),
            setup,
            memory: MemoryShard::new(),
            waiters: Waiters::default(),
        };
        let shards: BTreeMap<_, _> =
            setups.into_iter().map(|setup| (setup.shard, shard(setup))).collect();
        let awake = shards.keys().copied().collect();
        Self { shards, others, sender: Sender::new(incarnation), awake }
    }

    /// Runs until the node stops.
    pub(super) fn run(mut self, items: &Receiver<Item>) {
        loop {
            match items.recv_timeout(self.sleep()) {
                Ok(Item::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(item) => self.take(item),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let more: Vec<_> = items.try_iter().take(ITEMS_TURN).collect();
            let stops = more.iter().any(|item| matches!(item, Item::Stop));
            for item in more {
                self.take(item);
            }
            self.step_all();
            if stops {
                break;
            }
        }
        self.step_all();
    }

    fn sleep(&self) -> Duration {
        if !self.awake.is_empty() {
            return Duration::ZERO;
        }
        let due = self.shards.values().filter_map(|shard| shard.executor.next_step()).min();
        due.map_or(SLEEP_MAX, |due| due.since(world::now()).min(SLEEP_MAX))
    }

    fn take(&mut self, item: Item) {
        let (id, input) = match item {
            Item::Command { shard, key, mut request, answer } => {
                let birth = world::now().max(self.shard(shard).executor.time());
                let (sent, id) = if let Some(key) = key {
                    (None, key)
                } else {
                    let (sent, id) = self.sender.name(shard, birth);
                    (Some(sent), id)
                };
                request.verb = Verb::Command(id);
                let ticket = self.shard(shard).waiters.command(answer, sent);
                (shard, Input::Request { ticket, request })
            }
            Item::Ask { shard, requests, answers } => {
                return self.ask(shard, requests, answers);
            }
            Item::Input { shard, input } => (shard, input),
            Item::Status { shard, status } => {
                // Whoever asked may have gone.
                status.send(self.shard(shard).executor.status()).ok();
                return;
            }
            Item::Stop => return,
        };
        self.shard(id).executor.input(input);
        self.awake.insert(id);
    }

    fn ask(&mut self, id: ShardId, requests: Vec<Request>, answers: oneshot::Sender<Vec<Answer>>) {
        let shard = self.shard(id);
        let tickets = shard.waiters.questions(requests.len(), answers);
        for (ticket, request) in tickets.into_iter().zip(requests) {
            shard.executor.input(Input::Request { ticket, request });
        }
        self.awake.insert(id);
    }

    fn shard(&mut self, id: ShardId) -> &mut Shard {
        self.shards.get_mut(&id).expect("items go to the thread of their shard")
    }

    /// Steps the shards that have something to do.
    fn step_all(&mut self) {
        let now = world::now();
        let due = |shard: &Shard| shard.executor.next_step().is_some_and(|at| at <= now);
        let awake = std::mem::take(&mut self.awake);
        let due: Vec<_> = self
            .shards
            .iter()
            .filter(|(id, shard)| awake.contains(id) || due(shard))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let shard = self.shard(id);
            shard.executor.step(&mut shard.memory.seat(0), now);
            self.collect(id);
            if self.shard(id).executor.has_work() {
                self.awake.insert(id);
            }
        }
    }

    fn collect(&mut self, id: ShardId) {
        while let Some(output) = self.shard(id).executor.output() {
            match output {
                Output::Answer { ticket, answer } => {
                    if let Some(sent) = self.shard(id).waiters.answered(ticket, answer) {
                        self.sender.answered(sent);
                    }
                }
                Output::Envelope { to, envelope } => self.forward(to, Input::Envelope(envelope)),
                Output::Acknowledge { to, number } => {
                    let incarnation = self.shard(id).setup.incarnation;
                    self.forward(to, Input::Acknowledged { incarnation, by: id, number });
                }
                // Nobody on this node follows a stream or keeps what it has read.
                Output::Published(_) | Output::Changed(_) => {}
                Output::Ended => {
                    let shard = self.shard(id);
                    shard.executor = Executor::new(shard.setup.clone());
                    self.awake.insert(id);
                }
            }
        }
    }

    /// Hands something to another shard. What does not get there is sent again.
    fn forward(&mut self, to: ShardId, input: Input) {
        if let Some(shard) = self.shards.get_mut(&to) {
            shard.executor.input(input);
            self.awake.insert(to);
            return;
        }
        let worker = &self.others[to.0 as usize % self.others.len()];
        if worker.try_send(Item::Input { shard: to, input }).is_err() {
            tracing::debug!(shard = to.0, "the thread of a shard is busy");
        }
    }
}
