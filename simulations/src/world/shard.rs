//! One shard, and the nodes that believe to have it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use cluster::executor::{Executor, Input, Output, Setup};
use cluster::ledger::Completion;
use cluster::memory::MemoryShard;
use cluster::request::{Answer, Request, RequestId, Verb};
use entity::Time;

use super::desk::{Desk, Ends};
use super::plan::Faults;
use super::sabotage::Sabotage;
use super::watch::{CommandName, Watch};
use crate::chance::Chance;
use crate::finding::Finding;

/// A shard: its history, and who runs it.
pub struct Shard {
    /// The history.
    pub memory: MemoryShard,
    /// Executors: the newest last. Those before it do not know that they have lost the shard.
    pub lives: Vec<Life>,
    /// What is known of its records.
    pub watch: Watch,
    /// Until when nothing reaches or leaves it.
    pub cut_until: Time,
    chance: Chance,
    seats: u32,
}

/// One life of a shard's executor.
pub struct Life {
    /// Its seat at the ledger.
    pub seat: u32,
    /// What it runs.
    pub executor: Executor,
    /// How wrong its clock is, in microseconds.
    pub clock_micros: i64,
    /// When it steps next.
    pub step_at: Option<Time>,
    /// What its ledger told late.
    pub told: VecDeque<Completion>,
    /// How often it got each command.
    received: BTreeMap<CommandName, u32>,
    /// Which command each attempt was.
    attempts: BTreeMap<u64, CommandName>,
}

impl Shard {
    /// A shard that nobody has written to.
    pub fn new(seed: u64, number: usize) -> Self {
        let mut memory = MemoryShard::new();
        memory.keep_history();
        Self {
            memory,
            lives: Vec::new(),
            watch: Watch::default(),
            cut_until: Time::default(),
            chance: Chance::of(seed, &format!("shard {number}")),
            seats: 0,
        }
    }

    /// Begins a new life, and yields its seat.
    pub fn begin(&mut self, setup: Setup, clock_micros: i64) -> u32 {
        self.seats += 1;
        self.lives.push(Life {
            seat: self.seats,
            executor: Executor::new(setup),
            clock_micros,
            step_at: None,
            told: VecDeque::new(),
            received: BTreeMap::new(),
            attempts: BTreeMap::new(),
        });
        self.seats
    }

    /// Ends a life without a word. What it handed over may be lost on the way.
    pub fn crash(&mut self, seat: u32) {
        self.lives.retain(|life| life.seat != seat);
        if self.chance.flips() {
            self.memory.drop_pending(seat);
        }
    }

    /// Finds a life.
    pub fn life(&mut self, seat: u32) -> Option<&mut Life> {
        self.lives.iter_mut().find(|life| life.seat == seat)
    }

    /// The seat of the newest life, if there is one.
    pub fn newest(&self) -> Option<u32> {
        self.lives.last().map(|life| life.seat)
    }

    /// Whether who took it last has it: those before may go on for as long as nobody tells them.
    pub fn is_led(&self) -> bool {
        self.newest() == Some(self.seats)
    }

    /// Lets an executor go on, and yields what it says.
    pub fn step(
        &mut self,
        seat: u32,
        now: Time,
        (faults, sabotage): (&Faults, Sabotage),
    ) -> (Vec<Output>, Ends) {
        let mut ends = Ends::default();
        let Self { memory, lives, watch, chance, .. } = self;
        let Some(life) = lives.iter_mut().find(|life| life.seat == seat) else {
            return (Vec::new(), ends);
        };
        let mut desk = Desk {
            memory: RefCell::new(memory),
            watch,
            seat,
            told: &mut life.told,
            chance,
            faults,
            sabotage,
            ends: &mut ends,
        };
        let now = Time(now.0.saturating_add_signed(life.clock_micros));
        life.executor.step(&mut desk, now);
        (std::iter::from_fn(|| life.executor.output()).collect(), ends)
    }

    /// Gives an executor a request of a client.
    pub fn request(&mut self, seat: u32, ticket: u64, request: Request) {
        let Self { lives, watch, .. } = self;
        let Some(life) = lives.iter_mut().find(|life| life.seat == seat) else { return };
        if let Verb::Command(RequestId::Inside { sender, number, .. }) = request.verb {
            *life.received.entry((sender, number)).or_default() += 1;
            life.attempts.insert(ticket, (sender, number));
            watch.retract((sender, number), life.executor.status().activation);
        }
        life.executor.input(Input::Request { ticket, request });
    }

    /// Takes in the records that have committed since.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn look(&mut self) -> Result<(), Finding> {
        self.memory.take_history().iter().try_for_each(|record| self.watch.record(record))
    }

    /// Notes what an executor says to a client.
    ///
    /// # Errors
    ///
    /// When it says that nothing happened, and something did.
    pub fn answers(&mut self, seat: u32, ticket: u64, answer: &Answer) -> Result<(), Finding> {
        let Answer::Failure(failure) = answer else { return Ok(()) };
        let Some(life) = self.lives.iter().find(|life| life.seat == seat) else { return Ok(()) };
        let Some(name) = life.attempts.get(&ticket) else { return Ok(()) };
        if failure.is_without_effect() && life.received[name] == 1 {
            return self.watch.disclaim(*name, life.executor.status().activation);
        }
        Ok(())
    }
}

impl Life {
    /// When it wants to step again, by the clock of the world.
    pub fn wants_step(&self, now: Time) -> Option<Time> {
        /// What a step takes.
        const STEP_MICROS: u64 = 20;
        /// A node looks at its clock no more often.
        const TICK_MICROS: u64 = 1_000;
        let has_work = self.executor.is_serving() && self.executor.has_work();
        if has_work || !self.told.is_empty() {
            return Some(Time(now.0 + STEP_MICROS));
        }
        let next = self.executor.next_step()?;
        let next = Time(next.0.saturating_add_signed(-self.clock_micros));
        Some(next.max(Time(now.0 + TICK_MICROS)))
    }
}
