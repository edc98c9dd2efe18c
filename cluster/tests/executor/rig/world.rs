//! Shards in one thread, with one clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::executor::{Executor, Input, Knobs, Output, Setup};
use cluster::memory::MemoryShard;
use cluster::request::{Answer, Failure, Request, RequestId, Trace, Verb};
use cluster::slots::{Directory, ShardId};
use cluster::stream::{Mark, Publication};
use entity::registry::{Outcome, Registry};
use entity::{Address, Caller, Command, Data, Id, Key, Kind, Query, Release, Time};

use super::kinds::{Name, Sheet, Tallies, Tally};

/// Some shards, and what they said.
pub(crate) struct World {
    /// The shards by number.
    pub(crate) shards: Vec<Shard>,
    /// The clock of all nodes.
    pub(crate) now: Time,
    /// Answers that nobody has asked for yet.
    pub(crate) answers: BTreeMap<u64, Answer>,
    /// Stream items that followers got.
    pub(crate) published: Vec<Publication>,
    /// Entities that were said to have changed.
    pub(crate) changed: Vec<Mark>,
    /// Envelopes on their way, and whether they get through.
    pub(crate) wire: VecDeque<(ShardId, Input)>,
    /// Envelopes are kept on the wire until this is false.
    pub(crate) is_cut: bool,
    directory: Arc<Directory>,
    registry: Arc<Registry>,
    knobs: Knobs,
    tickets: u64,
    numbers: u64,
}

/// One shard: its history, and who runs it.
pub(crate) struct Shard {
    /// The history.
    pub(crate) memory: MemoryShard,
    /// Who runs it.
    pub(crate) executor: Executor,
    /// Which seat of the memory that is.
    pub(crate) seat: u32,
    /// How often an activation has ended.
    pub(crate) ended: u32,
}

/// The sender of the rig's commands.
pub(crate) const SENDER: u64 = 77;

/// Limits as they usually are. Time stands still here, so nothing waits for company.
pub(crate) fn usual() -> Knobs {
    Knobs { record_pace: Duration::ZERO, ..Knobs::default() }
}

impl World {
    /// `count` shards that serve.
    pub(crate) fn new(count: u32) -> Self {
        Self::with(count, usual())
    }

    /// The same with other limits.
    pub(crate) fn with(count: u32, knobs: Knobs) -> Self {
        let mut registry = Registry::default();
        registry.add::<Tally>();
        registry.add::<Sheet>();
        let mut world = Self {
            shards: Vec::new(),
            now: Time(1_000_000_000),
            answers: BTreeMap::new(),
            published: Vec::new(),
            changed: Vec::new(),
            wire: VecDeque::new(),
            is_cut: false,
            directory: Arc::new(Directory::even(count)),
            registry: Arc::new(registry),
            knobs,
            tickets: 0,
            numbers: 0,
        };
        for shard in 0..count {
            let executor = world.executor(ShardId(shard));
            world.shards.push(Shard { memory: MemoryShard::new(), executor, seat: 0, ended: 0 });
        }
        world.settle();
        world
    }

    fn executor(&self, shard: ShardId) -> Executor {
        Executor::new(Setup {
            shard,
            incarnation: 1,
            registry: self.registry.clone(),
            directory: self.directory.clone(),
            release: Release::NEWEST,
            chance: 42,
            knobs: self.knobs.clone(),
        })
    }

    /// A name whose tally lives in a shard.
    pub(crate) fn name_in(&self, shard: u32, nth: usize) -> String {
        let names = (0..).map(|n| format!("n{n}"));
        let here = |name: &String| {
            self.directory.shard_of(&Name(name.clone()).to_bytes()) == ShardId(shard)
        };
        names.filter(here).nth(nth).unwrap()
    }

    /// Ends an executor without a word; another one takes over.
    pub(crate) fn crash(&mut self, shard: u32) {
        let executor = self.executor(ShardId(shard));
        let shard = &mut self.shards[shard as usize];
        shard.executor = executor;
        shard.seat += 1;
    }

    /// The same, and what the old executor had asked of the ledger is told to the new one.
    pub(crate) fn crash_on_its_seat(&mut self, shard: u32) {
        let executor = self.executor(ShardId(shard));
        self.shards[shard as usize].executor = executor;
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, lasting: Duration) {
        self.now = self.now + lasting;
        self.settle();
    }

    /// Steps every shard once.
    pub(crate) fn step(&mut self) {
        for number in 0..self.shards.len() {
            let shard = &mut self.shards[number];
            let mut seat = shard.memory.seat(shard.seat);
            shard.executor.step(&mut seat, self.now);
            self.collect(number);
        }
    }

    fn collect(&mut self, number: usize) {
        let own = ShardId(u32::try_from(number).unwrap());
        while let Some(output) = self.shards[number].executor.output() {
            match output {
                Output::Answer { ticket, answer } => {
                    assert!(self.answers.insert(ticket, answer).is_none(), "answered twice");
                }
                Output::Envelope { to, envelope } => {
                    self.wire.push_back((to, Input::Envelope(envelope)));
                }
                Output::Acknowledge { to, number } => {
                    let acknowledged = Input::Acknowledged { incarnation: 1, by: own, number };
                    self.wire.push_back((to, acknowledged));
                }
                Output::Published(publication) => self.published.push(publication),
                Output::Changed(mark) => self.changed.push(mark),
                Output::Ended => {
                    self.shards[number].ended += 1;
                    self.crash(own.0);
                }
            }
        }
    }

    /// Steps until nothing happens any more.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            self.step();
            if !self.is_cut {
                for (to, input) in std::mem::take(&mut self.wire) {
                    self.shards[to.0 as usize].executor.input(input);
                }
            }
            let quiet = |shard: &mut Shard| {
                let delayed = shard.memory.advance();
                !delayed && shard.executor.status().queued == 0 && shard.executor.is_serving()
            };
            let are_quiet: Vec<_> = self.shards.iter_mut().map(quiet).collect();
            let is_quiet = are_quiet.iter().all(|it| *it);
            let in_flight = self.shards.iter().any(|it| it.executor.status().in_flight > 0);
            let is_wire_quiet = self.is_cut || self.wire.is_empty();
            if is_quiet && is_wire_quiet && !in_flight {
                self.step();
                if self.is_cut || self.wire.is_empty() {
                    return;
                }
            }
        }
        panic!("it does not settle");
    }

    /// Loses what is on its way between shards, and yields how much that was.
    pub(crate) fn lost(&mut self) -> usize {
        self.wire.drain(..).count()
    }

    /// Sends a request, and yields its ticket.
    pub(crate) fn send(&mut self, request: Request) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        let shard = self.directory.home(&request.to).expect("there is such a shard");
        let input = Input::Request { ticket, request };
        self.shards[shard.0 as usize].executor.input(input);
        self.collect(shard.0 as usize);
        ticket
    }

    /// Sends a command under the next number.
    pub(crate) fn start<C: Command>(&mut self, key: &<C::Kind as Kind>::Key, command: &C) -> u64 {
        let id = self.next_id();
        self.send(request::<C::Kind, _>(key, C::TAG, command, Verb::Command(id)))
    }

    /// The next name of a command.
    pub(crate) fn next_id(&mut self) -> RequestId {
        self.numbers += 1;
        let times = self.shards.iter().map(|shard| shard.executor.time());
        inside(self.numbers, times.fold(self.now, Time::max))
    }

    /// Sends a command to a tally under a name, and waits for its answer.
    pub(crate) fn call_as(
        &mut self,
        name: &str,
        command: &super::kinds::Add,
        id: RequestId,
    ) -> Answer {
        let key = Name(name.into());
        let tag = super::kinds::Add::TAG;
        let ticket = self.send(request::<Tallies, _>(&key, tag, command, Verb::Command(id)));
        self.settle();
        self.answers.remove(&ticket).expect("answered")
    }

    /// Sends a command, and waits for its answer.
    pub(crate) fn call<C: Command>(
        &mut self,
        key: &<C::Kind as Kind>::Key,
        command: &C,
    ) -> Result<Result<C::Reply, C::Error>, Failure> {
        let ticket = self.start(key, command);
        self.settle();
        decode(self.answers.remove(&ticket).expect("answered"))
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask<Q: Query>(
        &mut self,
        key: &<Q::Kind as Kind>::Key,
        query: &Q,
    ) -> Result<Result<Q::Reply, Q::Error>, Failure> {
        let ticket = self.send(request::<Q::Kind, _>(key, Q::TAG, query, Verb::Query));
        self.settle();
        decode(self.answers.remove(&ticket).expect("answered"))
    }
}

/// A name that roost made.
pub(crate) fn inside(number: u64, birth: Time) -> RequestId {
    RequestId::Inside { sender: SENDER, number, birth, acknowledged: 0 }
}

/// A name that a caller chose.
pub(crate) fn outside(account: u128, key: &str, fingerprint: u8) -> RequestId {
    RequestId::Outside { account: Id(account), key: key.into(), fingerprint: [fingerprint; 32] }
}

/// A request, encoded.
pub(crate) fn request<K: Kind, D: Data>(key: &K::Key, tag: u16, body: &D, verb: Verb) -> Request {
    let mut bytes = Vec::new();
    body.encode(Release::NEWEST, &mut bytes);
    let to = Address { kind: K::TAG, key: key.to_bytes() };
    let (body, trace) = (Bytes::from(bytes), Trace::default());
    Request { to, caller: Caller::Operator, verb, tag, body, trace }
}

/// An answer with its types.
pub(crate) fn decode<R: Data, E: Data>(answer: Answer) -> Result<Result<R, E>, Failure> {
    match answer {
        Answer::Outcome(Outcome::Reply(bytes)) => Ok(Ok(R::decode(&bytes).unwrap())),
        Answer::Outcome(Outcome::Refusal(bytes)) => Ok(Err(E::decode(&bytes).unwrap())),
        Answer::Failure(failure) => Err(failure),
    }
}
