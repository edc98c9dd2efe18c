//! One executor alone: how many small commands one core handles, and what an idle entity costs.

use std::collections::VecDeque;
use std::sync::Arc;

use cluster::executor::{Executor, Input, Knobs, Output, Setup};
use cluster::memory::MemoryShard;
use cluster::request::{Answer, Request, Trace, Verb};
use cluster::sender::{Sender, Sent};
use cluster::slots::{Directory, ShardId};
use entity::kind::Kind;
use entity::registry::Registry;
use entity::{Address, Caller, Command, Data, Key, Query, Release};

use super::counter::{Add, Counter, Counters, Look};
use super::figure::{Figure, as_float};
use crate::world::{self, Used};

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Commands handled before the clock starts.
    pub warm_up: u64,
    /// Commands measured.
    pub commands: u64,
    /// Entities they go to, one after the other.
    pub entities: u64,
    /// Commands that wait at any time, at most [`cluster::limits::SENDER_WINDOW`].
    pub in_flight: u16,
}

impl Default for Load {
    fn default() -> Self {
        Self { warm_up: 200_000, commands: 4_000_000, entities: 10_000, in_flight: 256 }
    }
}

/// Runs the load on one executor in this thread.
///
/// Each command is what a real one is: looked up by its name, decoded, run as a transaction, its head
/// encoded, its reply kept for repeats and later acknowledged and removed, all in fenced records.
pub fn run(load: Load) -> Vec<Figure> {
    let mut bench = Driver::new(Knobs::default());
    bench.drive(load.warm_up, load, Asked::Add);
    let before = Used::now();
    bench.drive(load.commands, load, Asked::Add);
    let used = Used::now().since(before);
    let count = as_float(load.commands);
    vec![
        figure("rate", count / used.wall.as_secs_f64(), "1/s"),
        figure("cpu_us_per_op", used.cpu.as_secs_f64() * 1e6 / count, "us"),
        figure("errors", as_float(bench.errors), "1"),
    ]
}

/// Fills a shard with `count` entities, puts them out of memory, and measures what bringing them back
/// costs: what is kept for each besides its row in the ledger.
pub fn idle(count: u64) -> Vec<Figure> {
    let load = Load { entities: count, ..Load::default() };
    let mut bench = Driver::new(Knobs { live_max: 1, ..Knobs::default() });
    bench.drive(count, load, Asked::Add);
    let live_max = usize::try_from(count).expect("entities fit in memory");
    bench.restart(Knobs { live_max, ..Knobs::default() });
    let before = world::resident_bytes();
    bench.drive(count, load, Asked::Look);
    let grown = world::resident_bytes().saturating_sub(before);
    let head = as_float(size_of::<Counter>() as u64);
    vec![figure("bytes_per_idle_entity", as_float(grown) / as_float(count) - head, "B")]
}

fn figure(metric: &'static str, value: f64, unit: &'static str) -> Figure {
    Figure::new("executor", metric, value, unit)
}

/// What entities are sent.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Add,
    Look,
}

struct Driver {
    executor: Executor,
    seat: u32,
    memory: MemoryShard,
    sender: Sender,
    /// Names of the commands that wait, oldest first.
    sent: VecDeque<Option<Sent>>,
    asked: u64,
    answered: u64,
    errors: u64,
}

impl Driver {
    fn new(knobs: Knobs) -> Self {
        Self {
            executor: Executor::new(setup(knobs)),
            seat: 0,
            memory: MemoryShard::new(),
            sender: Sender::new(1),
            sent: VecDeque::new(),
            asked: 0,
            answered: 0,
            errors: 0,
        }
    }

    /// Another executor takes over, with nothing in memory.
    fn restart(&mut self, knobs: Knobs) {
        self.executor = Executor::new(setup(knobs));
        self.seat += 1;
    }

    fn drive(&mut self, count: u64, load: Load, what: Asked) {
        let until = self.answered + count;
        while self.answered < until {
            let now = world::now();
            let has_room = |it: &Self| it.sent.len() < usize::from(load.in_flight);
            while self.executor.is_serving() && self.asked < until && has_room(self) {
                self.send(now, load.entities, what);
            }
            self.executor.step(&mut self.memory.seat(self.seat), now);
            self.listen();
        }
    }

    fn send(&mut self, now: entity::Time, entities: u64, what: Asked) {
        self.asked += 1;
        let mut body = Vec::new();
        let (verb, tag) = match what {
            Asked::Add => {
                Add { n: 1 }.encode(Release::NEWEST, &mut body);
                let named = self.sender.name(ShardId(0), now);
                let (sent, id) = named.expect("fewer wait than a sender may have");
                self.sent.push_back(Some(sent));
                (Verb::Command(id), Add::TAG)
            }
            Asked::Look => {
                Look {}.encode(Release::NEWEST, &mut body);
                self.sent.push_back(None);
                (Verb::Query, Look::TAG)
            }
        };
        let to = Address { kind: Counters::TAG, key: (self.asked % entities).to_bytes() };
        let (caller, body, trace) = (Caller::Anyone, body.into(), Trace::default());
        let request = Request { to, caller, verb, tag, body, trace };
        self.executor.input(Input::Request { ticket: self.asked, request });
    }

    fn listen(&mut self) {
        while let Some(output) = self.executor.output() {
            let Output::Answer { answer, .. } = output else { continue };
            self.answered += 1;
            self.errors += u64::from(!matches!(answer, Answer::Outcome(_)));
            // Answers leave in the order of the records that they wait for, and so of the commands.
            if let Some(sent) = self.sent.pop_front().expect("it was sent") {
                self.sender.answered(sent);
            }
        }
    }
}

fn setup(knobs: Knobs) -> Setup {
    let mut registry = Registry::default();
    registry.add::<Counter>();
    Setup {
        shard: ShardId(0),
        incarnation: 1,
        registry: Arc::new(registry),
        directory: Arc::new(Directory::even(1)),
        release: Release::NEWEST,
        chance: 1,
        knobs,
    }
}
