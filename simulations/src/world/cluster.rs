//! All of it, event by event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::executor::{Executor, Knobs, Output, Setup};
use cluster::ledger::Ledger;
use cluster::memory::Reads;
use cluster::sender::Sender;
use cluster::slots::{Directory, ShardId};
use entity::registry::Registry;
use entity::{Release, Time};

use super::clients::Pending;
use super::event::{Agenda, Event, Fault, Parcel};
use super::plan::{Faults, Plan};
use super::sabotage::Sabotage;
use super::shard::Shard;
use super::trace::Trace;
use crate::case::Look;
use crate::chance::Chance;
use crate::finding::{Finding, Oracle};
use crate::timeline::{Colour, Timeline};
use crate::workloads::{Crew, catalogue};

/// When every world begins: 2026-01-01T00:00:00Z.
pub const BEGINNING: Time = Time(1_767_225_600_000_000);

/// Most events of one seed. More is a loop.
const EVENTS_MAX: u64 = 1_000_000;

/// How long after the last fault everything has to be settled: the longest wake-ups are a minute.
const SETTLING_MAX: Duration = Duration::from_hours(2);

/// Shards, clients and a network.
pub struct World {
    /// What its seed means.
    pub plan: Plan,
    /// The time.
    pub now: Time,
    /// Everything that happened.
    pub trace: Trace,
    /// The same, to be drawn, if that is wanted.
    pub timeline: Option<Timeline>,
    /// When it ends, if it has not before.
    until: Option<Time>,
    /// Whether it was ended there.
    pub(super) is_stopped: bool,
    /// How much of it.
    pub counts: Counts,
    /// The first thing that was wrong.
    pub violation: Option<Finding>,
    pub(super) phase: Phase,
    pub(super) faults: Faults,
    pub(super) agenda: Agenda,
    pub(super) shards: Vec<Shard>,
    pub(super) gateways: Vec<Sender>,
    pub(super) crews: Vec<Crew>,
    pub(super) calls: BTreeMap<u64, Pending>,
    /// What each command was answered first.
    pub(super) answered: BTreeMap<u64, Bytes>,
    pub(super) directory: Arc<Directory>,
    pub(super) registry: Arc<Registry>,
    pub(super) net: Chance,
    pub(super) mishap: Chance,
    /// How many faults of each class came up, whether or not they were left out.
    pub(super) events: BTreeMap<&'static str, u64>,
}

/// How far a world is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Workloads lay their ground; nothing goes wrong.
    Setup,
    /// Clients do what they do, and everything goes wrong.
    Faults,
    /// Nothing goes wrong any more, and nothing new begins.
    Calm,
}

/// How much happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Commands and queries of clients.
    pub calls: u64,
    /// Faults.
    pub faults: u64,
    /// Calls of which nobody knows whether they had an effect.
    pub unknown: u64,
    /// Executors that took a shard.
    pub lives: u64,
    /// Gateways that ever were.
    pub senders: u64,
}

impl World {
    /// A world in which nothing has happened.
    pub fn new(plan: Plan, look: Look) -> Self {
        let seed = plan.seed;
        let shards = (0..plan.shards as usize).map(|number| Shard::new(seed, number)).collect();
        let shape = plan.shape();
        let crews = catalogue::crews((seed, &plan.workloads), &shape, &plan.scenario);
        let mut world = Self {
            now: BEGINNING,
            trace: Trace::new(look.is_printed),
            timeline: look.is_drawn.then(Timeline::default),
            until: look.until.map(|it| BEGINNING + it),
            is_stopped: false,
            counts: Counts::default(),
            violation: None,
            phase: Phase::Setup,
            faults: Faults::none(),
            agenda: Agenda::default(),
            shards,
            gateways: Vec::new(),
            crews,
            calls: BTreeMap::new(),
            answered: BTreeMap::new(),
            directory: Arc::new(Directory::even(plan.shards)),
            registry: Arc::new(catalogue::registry(&shape)),
            net: Chance::of(seed, "net"),
            mishap: Chance::of(seed, "faults"),
            events: BTreeMap::new(),
            plan,
        };
        for _ in 0..world.plan.gateways {
            let gateway = world.new_gateway();
            world.gateways.push(gateway);
        }
        for shard in 0..world.shards.len() {
            world.begin(shard);
        }
        world
    }

    /// Lets everything happen until nothing is left, or something is wrong.
    pub fn run(&mut self) {
        let started = self.now;
        while self.violation.is_none()
            && let Some((at, event)) = self.agenda.take_next()
        {
            if self.until.is_some_and(|until| at > until) {
                self.is_stopped = true;
                return;
            }
            self.now = at;
            self.counts.events += 1;
            let is_late = self.now.since(started) > self.plan.lasting + SETTLING_MAX;
            if is_late || self.counts.events > EVENTS_MAX {
                let what = format!("it does not settle: {}", self.unsettled());
                return self.blame(Oracle::Settling.finds(what));
            }
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        if let Event::Step { shard, seat } = event
            && !self.is_due(shard, seat)
        {
            return;
        }
        event.note(self.now, &mut self.trace);
        match event {
            Event::Step { shard, seat } => self.step(shard, seat),
            Event::Told { shard, seat, completion } => {
                if let Some(life) = self.shards[shard].life(seat) {
                    life.told.push_back(completion);
                    self.step_soon(shard);
                }
            }
            Event::Barrier { shard, seat, ticket } => {
                if self.shards[shard].life(seat).is_some() {
                    self.shards[shard].memory.seat(seat).barrier(ticket);
                    self.step_soon(shard);
                }
            }
            Event::Advance { shard } => self.advance(shard),
            Event::Arrive(parcel) => self.arrive(parcel),
            Event::Think { crew, client } => self.think(crew, client),
            Event::Retry { call, attempt } => self.retry(call, attempt),
            Event::Fault(fault) => self.go_wrong(fault),
            Event::Restart { shard } => {
                if !self.shards[shard].is_led() {
                    self.begin(shard);
                }
            }
            Event::Stop { shard, seat } => {
                self.shards[shard].crash(seat);
                self.look(shard);
            }
            Event::Calm => self.calm_down(),
        }
    }

    /// Keeps what happens, if that is wanted.
    pub(super) fn draw(&mut self, work: impl FnOnce(&mut Timeline, Duration)) {
        let now = self.now.since(BEGINNING);
        if let Some(timeline) = &mut self.timeline {
            work(timeline, now);
        }
    }

    /// Something is wrong; the first such thing counts.
    pub(super) fn blame(&mut self, finding: Finding) {
        self.violation.get_or_insert(finding);
    }

    pub(super) fn judge(&mut self, result: Result<(), Finding>) {
        if let Err(what) = result {
            self.blame(what);
        }
    }

    pub(super) fn after(&self, lasting: Duration) -> Time {
        self.now + lasting
    }

    pub(super) fn new_gateway(&mut self) -> Sender {
        self.counts.senders += 1;
        Sender::new(self.counts.senders)
    }

    /// A new executor takes the shard.
    pub(super) fn begin(&mut self, shard: usize) {
        let micros = self.faults.clock_micros;
        let is_wrong = self.faults.clock.is_some();
        let drift = self.mishap.below(2 * micros + 1).cast_signed() - micros.cast_signed();
        let knobs = match self.phase {
            Phase::Setup => Knobs::default(),
            Phase::Faults | Phase::Calm => self.plan.knobs.clone(),
        };
        self.counts.lives += 1;
        let setup = Setup {
            shard: shard_id(shard),
            incarnation: 1,
            registry: self.registry.clone(),
            directory: self.directory.clone(),
            release: Release::NEWEST,
            chance: self.plan.seed ^ self.counts.lives,
            knobs,
        };
        let seat = self.shards[shard].begin(setup, if is_wrong { drift } else { 0 });
        self.draw(|it, now| {
            let (lane, text) = (format!("shard {shard}"), format!("executor {seat}"));
            it.begin(&lane, now, Colour::Alive, text.clone());
            it.mark(&lane, now, Colour::Activation, text);
        });
        self.step_at(shard, seat, self.now);
    }

    fn is_due(&mut self, shard: usize, seat: u32) -> bool {
        let now = self.now;
        let life = self.shards[shard].life(seat).filter(|life| life.step_at == Some(now));
        life.is_some_and(|life| life.step_at.take().is_some())
    }

    fn step(&mut self, shard: usize, seat: u32) {
        let sabotage = match self.phase {
            Phase::Faults => self.plan.sabotage,
            Phase::Setup | Phase::Calm => Sabotage::None,
        };
        let how = (&self.faults, sabotage);
        let (outputs, ends) = self.shards[shard].step(seat, self.now, how);
        self.counts.faults += ends.faults;
        for (delay, completion) in ends.late {
            let at = self.after(delay);
            self.agenda.plan(at, Event::Told { shard, seat, completion });
        }
        for (delay, ticket) in ends.barriers {
            let at = self.after(delay);
            self.agenda.plan(at, Event::Barrier { shard, seat, ticket });
        }
        if ends.is_delayed {
            self.plan_advance(shard);
        }
        self.look(shard);
        for output in outputs {
            self.say(shard, seat, output);
        }
        if ends.is_busy {
            self.step_soon(shard);
        }
        let now = self.now;
        if let Some(at) = self.shards[shard].life(seat).and_then(|life| life.wants_step(now)) {
            self.step_at(shard, seat, at);
        }
    }

    /// An executor says something.
    fn say(&mut self, shard: usize, seat: u32, output: Output) {
        if let Output::Answer { ticket, answer } = output {
            let judged = self.shards[shard].answers(seat, ticket, &answer);
            self.judge(judged);
            self.send(&Parcel::Answer { from: shard, ticket, answer });
        } else if let Output::Envelope { to, envelope } = output {
            self.send(&Parcel::Envelope { from: shard, to: to.0 as usize, envelope });
        } else if let Output::Acknowledge { to, number } = output {
            self.send(&Parcel::Acknowledged { from: shard, to: to.0 as usize, number });
        } else if let Output::Ended = output {
            self.shards[shard].crash(seat);
            let at = self.now + self.mishap.lasting(100..=200_000);
            self.agenda.plan(at, Event::Restart { shard });
        }
    }

    /// Takes in what has committed.
    pub(super) fn look(&mut self, shard: usize) {
        let judged = self.shards[shard].look();
        self.judge(judged);
        let to = shard_id(shard);
        for arrival in self.shards[shard].watch.take_arrivals() {
            let sender = &self.shards[arrival.from.0 as usize].watch;
            let sent_at = sender.sent_at(to, arrival.number);
            if sent_at.is_none_or(|sent_at| sent_at >= arrival.at) {
                let what = format!("{arrival:?} is not later than {sent_at:?}");
                self.blame(Oracle::Links.finds(what));
            }
        }
    }

    /// All executors of a shard step soon.
    pub(super) fn step_soon(&mut self, shard: usize) {
        let at = self.after(Duration::from_micros(30));
        let seats: Vec<_> = self.shards[shard].lives.iter().map(|life| life.seat).collect();
        for seat in seats {
            self.step_at(shard, seat, at);
        }
    }

    pub(super) fn step_at(&mut self, shard: usize, seat: u32, at: Time) {
        let Some(life) = self.shards[shard].life(seat) else { return };
        if life.step_at.is_none_or(|planned| planned > at) {
            life.step_at = Some(at);
            self.agenda.plan(at, Event::Step { shard, seat });
        }
    }

    fn plan_advance(&mut self, shard: usize) {
        let at = self.now + self.net.lasting(200..=3_000);
        self.agenda.plan(at, Event::Advance { shard });
    }

    fn advance(&mut self, shard: usize) {
        if self.shards[shard].memory.advance() {
            self.plan_advance(shard);
        }
        self.look(shard);
        self.step_soon(shard);
    }

    /// Begins the time in which everything goes wrong.
    pub(super) fn begin_faults(&mut self) {
        (self.phase, self.faults) = (Phase::Faults, self.plan.faults.clone());
        probe::setting::stir(true);
        self.replace_all();
        let end = self.after(self.plan.lasting);
        self.agenda.plan(end, Event::Calm);
        for fault in Fault::ALL {
            self.plan_fault(fault);
        }
        for crew in 0..self.crews.len() {
            for client in 0..self.crews[crew].clients {
                self.plan_think(crew, client);
            }
        }
    }

    /// Nothing goes wrong from now on.
    fn calm_down(&mut self) {
        (self.phase, self.faults) = (Phase::Calm, Faults::none());
        probe::setting::stir(false);
        let is_fault = |event: &Event| {
            matches!(event, Event::Fault(_) | Event::Stop { .. } | Event::Think { .. })
        };
        self.agenda.forget(is_fault);
        for shard in &mut self.shards {
            shard.cut_until = self.now;
            shard.memory.reads = Reads::Warm;
        }
        // Whoever begins anew has forgotten what it forgot to do: half of the seeds go on as they are.
        if self.mishap.flips() { self.replace_all() } else { self.keep_newest() }
    }

    /// Ends the executors that have lost their shards without knowing, and begins one where there is no other.
    fn keep_newest(&mut self) {
        for shard in 0..self.shards.len() {
            let is_led = self.shards[shard].is_led();
            let mut seats = self.shards[shard].lives.iter().map(|it| it.seat).collect::<Vec<_>>();
            if is_led {
                seats.pop();
            }
            for seat in seats {
                self.shards[shard].crash(seat);
            }
            self.look(shard);
            if is_led { self.step_soon(shard) } else { self.begin(shard) }
        }
    }

    /// Ends all executors, and begins new ones.
    fn replace_all(&mut self) {
        for shard in 0..self.shards.len() {
            while let Some(seat) = self.shards[shard].newest() {
                self.shards[shard].crash(seat);
            }
            self.shards[shard].memory.telling = self.faults.telling;
            self.look(shard);
            self.begin(shard);
        }
    }

    /// What is not as it is when everything has settled; empty when all is.
    pub(super) fn unsettled(&self) -> String {
        let mut found: Vec<String> = Vec::new();
        for (number, shard) in self.shards.iter().enumerate() {
            let status = shard.lives.last().map(|life| Executor::status(&life.executor));
            let is_quiet = status.as_ref().is_some_and(|it| {
                it.serving && it.in_flight == 0 && it.queued == 0 && it.outbox_bytes == 0
            });
            let is_waiting = status.as_ref().is_some_and(|it| it.wake_ups > 0);
            if !is_quiet || is_waiting {
                found.push(format!("shard {number}: {status:?}"));
            }
        }
        found.extend(self.calls.iter().map(|(id, call)| format!("call {id}: {call:?}")));
        found.truncate(3);
        found.join("; ")
    }
}

/// The shard at a place in the world.
pub(super) fn shard_id(number: usize) -> ShardId {
    ShardId(u32::try_from(number).expect("a few"))
}
