//! The state machine's face: inputs, steps, outputs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use entity::registry::Registry;
use entity::{Address, Release, Time};

use super::batch::{Batch, Flight};
use super::entities::Entities;
use super::inbox::{Arrival, Inbox};
use super::keys::Calm;
use super::knobs::Knobs;
use super::outbox::Outbox;
use super::overlay::Overlay;
use super::queue::{Queue, Work};
use super::replies::Replies;
use super::stored::{Counters, Quarantined, WakeUp};
use super::waiting::Answers;
use crate::envelope::Envelope;
use crate::ledger::{Completion, Ledger};
use crate::request::{Answer, Request};
use crate::slots::{Directory, ShardId};
use crate::stream::{Mark, Publication, StreamId};

/// What an executor is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which shard.
    pub shard: ShardId,
    /// The cluster incarnation.
    pub incarnation: u64,
    /// What can be run.
    pub registry: Arc<Registry>,
    /// Which shard has which slots.
    pub directory: Arc<Directory>,
    /// What layouts may be written.
    pub release: Release,
    /// Seed of the random numbers that handlers see.
    pub chance: u64,
    /// Limits.
    pub knobs: Knobs,
}

/// Which commands are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admission {
    /// All.
    All,
    /// None: the disk does not keep up.
    None,
    /// Those that make room: the disk is full.
    Freeing,
}

/// What comes in.
#[derive(Clone, Debug)]
pub enum Input {
    /// A request from outside. Its answer has the same ticket.
    Request {
        /// Chosen by the driver.
        ticket: u64,
        /// The request.
        request: Request,
    },
    /// An envelope from another shard, sealed.
    Envelope(Bytes),
    /// The other end of a link has handled all envelopes up to a number.
    Acknowledged {
        /// The cluster incarnation that the number belongs to.
        incarnation: u64,
        /// The receiver of the envelopes.
        by: ShardId,
        /// Number of the last one.
        number: u64,
    },
    /// A shard is led elsewhere than was thought: what was sent to it lately may not have arrived.
    Redirected(ShardId),
    /// Items appended to a stream from now on are published.
    Follow(StreamId),
    /// They are no longer.
    Unfollow(StreamId),
    /// Whether it is told which entities change, from now on.
    TellChanges(bool),
}

/// What goes out.
#[derive(Clone, Debug)]
pub enum Output {
    /// The answer to a request.
    Answer {
        /// Ticket of the request.
        ticket: u64,
        /// What became of it.
        answer: Answer,
    },
    /// An envelope for another shard, sealed.
    Envelope {
        /// The receiver.
        to: ShardId,
        /// The envelope.
        envelope: Bytes,
    },
    /// Envelopes of another shard have been handled.
    Acknowledge {
        /// Their sender.
        to: ShardId,
        /// Number of the last one.
        number: u64,
    },
    /// An item of a followed stream has committed.
    Published(Publication),
    /// A change of this entity has committed.
    Changed(Mark),
    /// This activation is over: make a new executor, or none.
    Ended,
}

/// How a shard is doing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// Which shard.
    pub shard: ShardId,
    /// Whether it serves.
    pub serving: bool,
    /// The activation, 0 before it has begun.
    pub activation: u64,
    /// Records committed by this activation.
    pub committed: u64,
    /// Records in flight.
    pub in_flight: u64,
    /// Requests and messages that wait.
    pub queued: usize,
    /// Entities in memory.
    pub live: usize,
    /// Bytes of envelopes that are not acknowledged.
    pub outbox_bytes: usize,
    /// Wake-ups that are not due yet.
    pub wake_ups: usize,
    /// Entities that wait for an operator.
    pub quarantined: usize,
    /// Dead letters that nobody has looked after.
    pub dead_letters: u64,
}

/// Tickets of one activation are told from those of another by what stands above so many bits.
const TICKET_BITS: u32 = 32;

/// Runs one shard.
pub struct Executor {
    pub(super) setup: Setup,
    pub(super) phase: Phase,
    /// The moment of the step, by the clock of the node.
    pub(super) now: Time,
    /// Hybrid logical time of the last command.
    pub(super) time: Time,
    /// Time of the last record.
    pub(super) sealed: Time,
    pub(super) activation: u64,
    pub(super) queue: Queue,
    pub(super) entities: Entities,
    pub(super) overlay: Overlay,
    pub(super) batch: Batch,
    pub(super) flight: Flight,
    pub(super) answers: Answers,
    pub(super) replies: Replies,
    pub(super) calm: Calm,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
    /// How many messages that send some may still be handled though the outbox is full.
    pub(super) let_through: usize,
    pub(super) wake_ups: BTreeMap<(Time, Bytes), WakeUp>,
    /// Wake-ups that are due and stand in line.
    pub(super) due: BTreeMap<Bytes, WakeUp>,
    pub(super) quarantined: BTreeMap<Address, Quarantined>,
    /// How often entities have panicked in a row.
    pub(super) panics: BTreeMap<Address, u32>,
    pub(super) counters: Counters,
    /// Bounded by whoever drives it.
    pub(super) followed: BTreeSet<StreamId>,
    pub(super) tells_changes: bool,
    pub(super) admission: Admission,
    pub(super) outputs: VecDeque<Output>,
    last_ticket: u64,
}

/// What an activation is doing.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing yet.
    New,
    /// It has asked to take the shard over.
    Claiming,
    /// It reads what has to be in memory.
    Loading,
    /// It has read that, and asks whether nobody else has begun meanwhile.
    Confirming {
        /// The barrier that tells.
        ticket: u64,
    },
    /// It handles commands.
    Serving,
    /// It has lost the shard.
    Ended,
}

impl Executor {
    /// A new activation. It claims the shard in its first step.
    pub fn new(setup: Setup) -> Self {
        Self {
            phase: Phase::New,
            now: Time::default(),
            time: Time::default(),
            sealed: Time::default(),
            activation: 0,
            queue: Queue::default(),
            entities: Entities::new(setup.chance),
            overlay: Overlay::default(),
            batch: Batch::default(),
            flight: Flight::default(),
            answers: Answers::default(),
            replies: Replies::default(),
            calm: Calm::default(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            let_through: 0,
            wake_ups: BTreeMap::new(),
            due: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            panics: BTreeMap::new(),
            counters: Counters::default(),
            followed: BTreeSet::new(),
            tells_changes: false,
            admission: Admission::All,
            outputs: VecDeque::new(),
            last_ticket: 0,
            setup,
        }
    }

    /// Takes something in. What cannot be handled is answered at once.
    pub fn input(&mut self, input: Input) {
        match input {
            Input::Request { ticket, request } => match self.admit(&request) {
                Ok(()) => {
                    let request = Box::new(request);
                    self.queue.push(Work::Request { ticket, request });
                }
                Err(failure) => self.answer(ticket, Answer::Failure(failure)),
            },
            Input::Envelope(bytes) => self.arrive(&bytes),
            Input::Acknowledged { incarnation, by, number } => {
                if incarnation == self.setup.incarnation {
                    self.outbox.acknowledge(by, number, self.now);
                }
            }
            Input::Redirected(shard) => {
                self.outbox.redirected(shard);
                if let Some(number) = self.inbox.redirected(shard) {
                    self.outputs.push_back(Output::Acknowledge { to: shard, number });
                }
            }
            Input::Follow(stream) => {
                self.followed.insert(stream);
            }
            Input::Unfollow(stream) => {
                self.followed.remove(&stream);
            }
            Input::TellChanges(tells) => self.tells_changes = tells,
        }
    }

    /// From now on, takes only such commands. Messages and wake-ups are handled all the same: they
    /// follow from what was taken before.
    pub fn admit_only(&mut self, admission: Admission) {
        self.admission = admission;
    }

    /// Takes out what is to leave.
    pub fn output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Goes on as far as it can at the moment `now`, which may stand still or jump back: time within
    /// the shard rises all the same.
    pub fn step(&mut self, ledger: &mut dyn Ledger, now: Time) {
        self.now = now;
        if let Phase::New = self.phase {
            self.phase = Phase::Claiming;
            ledger.claim();
        }
        self.listen(ledger);
        if self.is_serving() {
            self.serve_once(ledger);
            // What the ledger could do at once is told at once.
            self.listen(ledger);
        }
        if self.is_serving() {
            self.send_envelopes();
        }
    }

    fn listen(&mut self, ledger: &mut dyn Ledger) {
        while let Some(completion) = ledger.poll() {
            self.complete(ledger, completion);
        }
    }

    fn serve_once(&mut self, ledger: &mut dyn Ledger) {
        self.wake();
        let now = self.time.max(self.now);
        if self.replies.expire(now) {
            self.time = now;
        }
        let seen = self.queue.seen_by_all().unwrap_or(u64::MAX);
        if !probe::buggify!(OverlayKept) {
            self.overlay.retire(seen.min(self.flight.committed));
        }
        self.resume_postponed();
        self.work(ledger);
        self.seal(ledger);
        if self.answers.wants_barrier() {
            let ticket = self.ticket();
            self.answers.begin_barrier(ticket);
            ledger.barrier(ticket);
        }
        self.evict();
    }

    fn send_envelopes(&mut self) {
        for (to, envelope) in self.outbox.leaving(self.now, self.setup.knobs.link_window) {
            if to != self.setup.shard {
                if probe::buggify!(EnvelopeTwice) {
                    let envelope = envelope.clone();
                    self.outputs.push_back(Output::Envelope { to, envelope });
                }
                self.outputs.push_back(Output::Envelope { to, envelope });
            }
        }
    }

    /// When to step again even if nothing comes in: a wake-up is due, an envelope has to be sent
    /// again, a message is let through a full outbox, or a record has waited for company.
    pub fn next_step(&self) -> Option<Time> {
        let wake_up = self.wake_ups.first_key_value().map(|((at, _), _)| *at);
        let (resend, postponed) = (self.outbox.next_resend(), self.postponed_until());
        [wake_up, resend, postponed, self.gathers_until()].into_iter().flatten().min()
    }

    /// Whether a further step could do something at once.
    pub fn has_work(&self) -> bool {
        let is_over = matches!(self.phase, Phase::Ended);
        let can_run = self.queue.can_run() && self.has_room();
        let can_seal = !self.batch.is_empty() && self.may_leave();
        !is_over && (!self.is_serving() || can_run || can_seal)
    }

    /// Whether it handles commands.
    pub fn is_serving(&self) -> bool {
        matches!(self.phase, Phase::Serving)
    }

    /// The shard's time, by which the age of commands is judged. Whoever names a command gives it this
    /// birth if its own clock is behind: a clock that jumped ahead once must not shut everybody out.
    pub fn time(&self) -> Time {
        self.time.max(self.now)
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        Status {
            shard: self.setup.shard,
            serving: self.is_serving(),
            activation: self.activation,
            committed: self.flight.committed,
            in_flight: self.flight.count(),
            queued: self.queue.len(),
            live: self.entities.count(),
            outbox_bytes: self.outbox.bytes(),
            wake_ups: self.wake_ups.len(),
            quarantined: self.quarantined.len(),
            dead_letters: self.counters.dead_letters,
        }
    }

    pub(super) fn ticket(&mut self) -> u64 {
        self.last_ticket += 1;
        self.last_ticket
    }

    pub(super) fn answer(&mut self, ticket: u64, answer: Answer) {
        self.outputs.push_back(Output::Answer { ticket, answer });
    }

    fn complete(&mut self, ledger: &mut dyn Ledger, completion: Completion) {
        if let Phase::Ended = self.phase {
            return;
        }
        match completion {
            // The answer to an older claim came first: this one is over before it began.
            Completion::Claimed { .. } if !matches!(self.phase, Phase::Claiming) => self.end(None),
            Completion::Claimed { activation, time } => {
                self.activation = activation;
                self.last_ticket = activation << TICKET_BITS;
                (self.time, self.sealed) = (time, time);
                self.load(ledger);
            }
            Completion::Committed { fence }
            | Completion::Lost { fence }
            | Completion::Unknown { fence }
                if fence.activation != self.activation => {}
            Completion::Committed { fence } => self.committed(fence.sequence),
            Completion::Lost { fence } => self.end(Some(fence.sequence)),
            Completion::NotClaimed | Completion::Unknown { .. } | Completion::Unreadable => {
                self.end(None);
            }
            Completion::Barrier { ticket, holds } => self.barrier_ended(ticket, holds),
            Completion::Fetched { ticket, rows } => match self.phase {
                Phase::Loading if ticket == self.last_ticket => self.loaded(ledger, rows),
                Phase::Serving => self.queue.fetched(ticket, rows),
                Phase::New
                | Phase::Claiming
                | Phase::Loading
                | Phase::Confirming { .. }
                | Phase::Ended => {}
            },
        }
    }

    fn barrier_ended(&mut self, ticket: u64, holds: bool) {
        let is_confirmation =
            matches!(self.phase, Phase::Confirming { ticket: it } if it == ticket);
        if !is_confirmation && !self.answers.awaits(ticket) {
            return;
        }
        if !holds {
            return self.end(None);
        }
        if is_confirmation {
            return self.serve();
        }
        for waiting in self.answers.barrier_held() {
            self.answer(waiting.ticket, waiting.answer);
        }
    }

    /// An envelope has arrived: it is kept if it is the next one of its link.
    fn arrive(&mut self, bytes: &[u8]) {
        // What is damaged or of another incarnation is not acknowledged: its sender sends it again,
        // or nobody does.
        let Ok(envelope) = Envelope::open(bytes) else { return };
        let is_ours = envelope.incarnation == self.setup.incarnation && envelope.messages() > 0;
        if !is_ours || !self.is_serving() || probe::buggify!(EnvelopeDropped) {
            return;
        }
        let from = ShardId(envelope.from);
        match self.inbox.arrive(from, envelope, self.setup.knobs.link_window) {
            Arrival::Queue => self.queue.push(Work::Link(from)),
            Arrival::Kept => {}
            Arrival::Ignored => probe::sometimes!(EnvelopeEarly),
            Arrival::Repeated => {
                probe::sometimes!(EnvelopeRepeated);
                let number = self.inbox.committed(from);
                self.outputs.push_back(Output::Acknowledge { to: from, number });
            }
        }
    }

    /// Puts wake-ups in line that are due.
    fn wake(&mut self) {
        while let Some(first) = self.wake_ups.first_entry() {
            if first.key().0 > self.now {
                return;
            }
            let ((_, key), wake_up) = first.remove_entry();
            self.due.insert(key.clone(), wake_up);
            self.queue.push(Work::WakeUp(key));
        }
    }

    fn evict(&mut self) {
        let max = if probe::buggify!(MemoryShort) { 0 } else { self.setup.knobs.live_max };
        if self.entities.count() > max {
            let (queue, registry) = (&self.queue, &self.setup.registry);
            let stays = |address: &Address| queue.is_blocked(address);
            let durability = |kind| registry.kind(kind).expect("it is in memory").durability;
            self.entities.evict(max, self.flight.committed, stays, durability);
        }
    }
}
