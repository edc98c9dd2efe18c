//! One request, from name to answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use entity::limits::{BODY_BYTES_MAX, ENTITY_KEY_BYTES_MAX};
use entity::registry::{Changed, Family, Outcome, Ran};
use entity::transaction::{Effects, Read, Scope, State, Want};
use entity::{Address, Caller, Durability, Time};

use super::entities::Place;
use super::keys::{Use, Used};
use super::operate::{Missing, is_for_shard, is_understood};
use super::queue::{Next, Turn, Work};
use super::replies::Known;
use super::shard::{Executor, Phase};
use super::stored::{Quarantined, encode};
use super::view::{DurableRows, EphemeralRows, FetchedRows, Reader};
use super::waiting::Waiting;
use crate::ledger::Ledger;
use crate::limits::{KEY_BYTES_MAX, PANICS_MAX};
use crate::request::{Answer, Failure, Request, RequestId, Verb};
use crate::slots::Slot;
use crate::storage;

/// How an attempt to handle some work ended.
pub(super) enum Attempt {
    /// It is handled.
    Done,
    /// It needs what is not in memory. Nothing happened.
    Miss(Want),
    /// It has to wait until the outbox is shorter. Nothing happened.
    Postpone,
}

/// A command to be run: where it comes from no longer matters.
pub(super) struct Run<'a> {
    pub(super) to: &'a Address,
    pub(super) place: Place,
    pub(super) caller: &'a Caller,
    pub(super) command: u16,
    pub(super) body: &'a [u8],
    /// What runs it must be later than this.
    pub(super) after: Time,
}

/// How a command ran.
pub(super) enum Executed {
    /// Its handler replied: all this is to be accepted, or dropped as if nothing had been.
    Replied { reply: Bytes, time: Time, effects: Effects, changed: Option<Changed> },
    /// Its handler refused.
    Refused { refusal: Bytes, time: Time },
    /// No handler spoke.
    Failed(Failure),
    /// It needs what is not in memory.
    Miss(Want),
}

impl Executor {
    /// Whether a request may come in.
    pub(super) fn admit(&self, request: &Request) -> Result<(), Failure> {
        if !matches!(self.phase, Phase::Serving) || !self.has_shard_of(&request.to) {
            return Err(Failure::Moved);
        }
        let is_command = matches!(request.verb, Verb::Command(_));
        let knobs = &self.setup.knobs;
        let is_full = is_command && self.outbox.bytes() > knobs.outbox_bytes_soft;
        if is_full || self.queue.len() >= knobs.queue_max {
            return Err(Failure::Overloaded);
        }
        within("entity's name", request.to.key.len(), ENTITY_KEY_BYTES_MAX)?;
        within("body", request.body.len(), BODY_BYTES_MAX)?;
        if let Verb::Command(RequestId::Outside { key, .. }) = &request.verb {
            within("Idempotency-Key", key.len(), KEY_BYTES_MAX)?;
        }
        if is_for_shard(&request.to) {
            return if is_understood(request) { Ok(()) } else { Err(Failure::Malformed) };
        }
        let family = self.setup.registry.kind(request.to.kind).ok_or(Failure::Malformed)?;
        let known =
            if is_command { family.command(request.tag) } else { family.query(request.tag) };
        if known.is_none() || !(family.is_key)(&request.to.key) {
            return Err(Failure::Malformed);
        }
        Ok(())
    }

    fn has_shard_of(&self, address: &Address) -> bool {
        self.setup.directory.home(address) == Some(self.setup.shard)
    }

    /// Handles what waits, as far as there is room.
    pub(super) fn work(&mut self, ledger: &mut dyn Ledger) {
        for _ in 0..self.setup.knobs.step_commands_max {
            if self.is_batch_full() {
                self.seal(ledger);
            }
            if !self.has_room() {
                return;
            }
            match self.queue.next() {
                Some(Next::Ready(work)) => self.begin(ledger, work),
                Some(Next::Resumed(address, turn)) => self.resume(ledger, &address, turn),
                None => return,
            }
        }
    }

    /// Whether the open record can take another command.
    pub(super) fn has_room(&self) -> bool {
        !self.is_batch_full()
    }

    fn is_batch_full(&self) -> bool {
        let knobs = &self.setup.knobs;
        self.batch.commands >= knobs.batch_commands_max || self.batch.bytes >= knobs.batch_bytes
    }

    fn begin(&mut self, ledger: &mut dyn Ledger, work: Work) {
        let mut turn = Turn { work, fetched: BTreeMap::new() };
        if self.queue.has_blocked() {
            let address = self.concerns(&turn.work);
            match self.queue.wait_behind(&address, turn.work) {
                Ok(()) => return,
                Err(work) => turn.work = work,
            }
        }
        match self.attempt(ledger, &turn) {
            Attempt::Done => {}
            Attempt::Miss(want) => {
                let address = self.concerns(&turn.work);
                self.block(ledger, &address, turn, want);
            }
            Attempt::Postpone => self.queue.postpone(turn.work),
        }
    }

    fn resume(&mut self, ledger: &mut dyn Ledger, address: &Address, turn: Turn) {
        match self.attempt(ledger, &turn) {
            Attempt::Done => self.queue.unblock(address),
            Attempt::Miss(want) => self.block(ledger, address, turn, want),
            Attempt::Postpone => {
                self.queue.postpone(turn.work);
                self.queue.unblock(address);
            }
        }
    }

    /// Fetches what some work needs; whatever concerns the same entity waits behind it.
    fn block(&mut self, ledger: &mut dyn Ledger, address: &Address, turn: Turn, want: Want) {
        let ticket = self.ticket();
        let widened = match &want {
            Want::Row(key) => Want::Row(key.clone()),
            Want::Rows(range) => Want::Rows(self.reader(ledger, &turn.fetched).widened(range)),
        };
        self.queue.block(address, turn, (ticket, want), self.flight.committed);
        ledger.fetch(ticket, widened);
    }

    /// The entity that some work concerns; the shard's own work concerns an address of its own.
    fn concerns(&self, work: &Work) -> Address {
        match work {
            Work::Request { request, .. } => request.to.clone(),
            Work::Link(from) => {
                let (envelope, n) = self.inbox.head(*from).expect("a link in line has a head");
                let (parcel, key) = envelope.message(n).expect("envelopes are never empty");
                Address { kind: parcel.kind, key: key.to_vec() }
            }
            Work::WakeUp(key) => self.due[key].to.clone(),
        }
    }

    fn attempt(&mut self, ledger: &mut dyn Ledger, turn: &Turn) -> Attempt {
        let fetched = &turn.fetched;
        match &turn.work {
            Work::Request { ticket, request } => match &request.verb {
                Verb::Query => self.ask(ledger, *ticket, request, fetched),
                Verb::Command(id) => self.command(ledger, (*ticket, request), id, fetched),
            },
            Work::Link(from) => self.message(ledger, *from, fetched),
            Work::WakeUp(key) => self.wake_up(ledger, key, fetched),
        }
    }

    fn command(
        &mut self,
        ledger: &mut dyn Ledger,
        (ticket, request): (u64, &Request),
        id: &RequestId,
        fetched: &FetchedRows,
    ) -> Attempt {
        let slot = Slot::of(&request.to.key);
        let usage = match self.look_up(ledger, slot, id, fetched) {
            Ok(LookedUp::New(usage)) => usage,
            Ok(LookedUp::Known(answer @ Answer::Outcome(_))) => {
                // Its first copy may still be in flight.
                return self.settle_effect(ticket, answer);
            }
            Ok(LookedUp::Known(answer)) => return self.settle(ticket, answer),
            Err(want) => return Attempt::Miss(want),
        };
        let (outcome, time) = match self.effect(ledger, request, fetched) {
            Ok(done) => done,
            Err(Missing::Row(want)) => return Attempt::Miss(want),
            Err(Missing::Failure(failure)) => {
                return self.settle(ticket, Answer::Failure(failure));
            }
        };
        self.keep_reply(request, id, usage, (time, &outcome));
        self.settle_effect(ticket, Answer::Outcome(outcome))
    }

    /// Lets a command have its effect.
    fn effect(
        &mut self,
        ledger: &dyn Ledger,
        request: &Request,
        fetched: &FetchedRows,
    ) -> Result<(Outcome, Time), Missing> {
        if is_for_shard(&request.to) {
            let outcome = self.obey(ledger, request, fetched)?;
            return Ok((outcome, self.next_time(Time::default())));
        }
        let run = Run {
            to: &request.to,
            place: self.entities.place(&request.to),
            caller: &request.caller,
            command: request.tag,
            body: &request.body,
            after: Time::default(),
        };
        match self.execute(ledger, &run, fetched) {
            Executed::Miss(want) => Err(Missing::Row(want)),
            Executed::Failed(failure) => Err(Missing::Failure(failure)),
            Executed::Refused { refusal, time } => Ok((Outcome::Refusal(refusal), time)),
            Executed::Replied { reply, time, effects, changed } => {
                self.accept(&run, effects, changed, time);
                Ok((Outcome::Reply(reply), time))
            }
        }
    }

    /// Looks up whether a command was handled before.
    fn look_up(
        &mut self,
        ledger: &dyn Ledger,
        slot: Slot,
        id: &RequestId,
        fetched: &FetchedRows,
    ) -> Result<LookedUp, Want> {
        let now = self.time.max(self.now);
        match id {
            RequestId::Inside { sender, number, birth, acknowledged } => {
                self.replies.acknowledge(*sender, *acknowledged, now);
                Ok(match self.replies.look_up(*sender, *number, *birth, now) {
                    Known::New => LookedUp::New(None),
                    Known::Handled(outcome) => LookedUp::Known(Answer::Outcome(outcome)),
                    Known::Forgotten => LookedUp::Known(Answer::Failure(Failure::Expired)),
                    Known::TooMany => LookedUp::Known(Answer::Failure(Failure::Overloaded)),
                })
            }
            RequestId::Outside { account, key, fingerprint } => {
                let reader = self.reader(ledger, fetched);
                let used = Used { slot, account: *account, key, fingerprint };
                super::keys::look_up(&reader, &used, now)
            }
        }
    }

    fn keep_reply(
        &mut self,
        request: &Request,
        id: &RequestId,
        usage: Option<Use>,
        (time, outcome): (Time, &Outcome),
    ) {
        let slot = Slot::of(&request.to.key);
        match id {
            RequestId::Inside { sender, number, .. } => {
                let name = (*sender, *number);
                let is_ephemeral = !is_for_shard(&request.to)
                    && self.durability(request.to.kind) == Durability::Ephemeral;
                if is_ephemeral {
                    self.replies.insert(name, slot, time, outcome.clone());
                    return;
                }
                let write = self.replies.keep(name, slot, time, outcome);
                self.batch.write(write.key, write.value);
            }
            RequestId::Outside { account, key, fingerprint } => {
                let usage = usage.expect("looked up before it ran");
                let used = Used { slot, account: *account, key, fingerprint };
                let writes = usage.keep(&used, time, outcome);
                for write in writes {
                    self.write_row(write.key, write.value);
                }
            }
        }
        self.batch.commands += 1;
    }

    fn ask(
        &mut self,
        ledger: &mut dyn Ledger,
        ticket: u64,
        request: &Request,
        fetched: &FetchedRows,
    ) -> Attempt {
        let answered = if is_for_shard(&request.to) {
            self.report(ledger, request, fetched)
        } else {
            self.ask_entity(ledger, request, fetched)
        };
        match answered {
            Ok(outcome) => self.settle(ticket, Answer::Outcome(outcome)),
            Err(Missing::Row(want)) => Attempt::Miss(want),
            Err(Missing::Failure(failure)) => self.settle(ticket, Answer::Failure(failure)),
        }
    }

    fn ask_entity(
        &mut self,
        ledger: &dyn Ledger,
        request: &Request,
        fetched: &FetchedRows,
    ) -> Result<Outcome, Missing> {
        let time = self.time.max(self.now);
        let run = Run {
            to: &request.to,
            place: self.entities.place(&request.to),
            caller: &request.caller,
            command: request.tag,
            body: &request.body,
            after: time,
        };
        self.bring_in(ledger, &run, fetched)?;
        let mut effects = Effects::default();
        match self.run(ledger, &run, fetched, (&mut effects, time, Verb::Query)) {
            Ran::Done { outcome, .. } => Ok(outcome),
            Ran::Miss(want) => Err(Missing::Row(absolute(&request.to, want))),
            Ran::Limit(limit) => Err(Missing::Failure(Failure::Limit(limit))),
            Ran::Panicked(_) => Err(Missing::Failure(Failure::Panicked)),
            Ran::Malformed => Err(Missing::Failure(Failure::Malformed)),
        }
    }

    /// Runs a command, and changes nothing yet.
    pub(super) fn execute(
        &mut self,
        ledger: &dyn Ledger,
        command: &Run<'_>,
        fetched: &FetchedRows,
    ) -> Executed {
        if self.quarantined.contains_key(command.to) {
            return Executed::Failed(Failure::Quarantined);
        }
        match self.bring_in(ledger, command, fetched) {
            Ok(()) => {}
            Err(Missing::Row(want)) => return Executed::Miss(want),
            Err(Missing::Failure(failure)) => return Executed::Failed(failure),
        }
        let time = self.next_time(command.after);
        let mut effects = Effects { chance: self.setup.chance ^ time.0, ..Effects::default() };
        let verb = Verb::Command(NO_NAME);
        match self.run(ledger, command, fetched, (&mut effects, time, verb)) {
            Ran::Done { outcome: Outcome::Reply(reply), changed } => {
                self.panics.remove(command.to);
                let wake_ups = self.wake_ups.len() + self.due.len() + effects.wake_ups.len();
                if wake_ups > self.wake_ups_max(command.caller) && !effects.wake_ups.is_empty() {
                    return Executed::Failed(Failure::Overloaded);
                }
                Executed::Replied { reply, time, effects, changed }
            }
            Ran::Done { outcome: Outcome::Refusal(refusal), .. } => {
                self.panics.remove(command.to);
                Executed::Refused { refusal, time }
            }
            Ran::Miss(want) => Executed::Miss(absolute(command.to, want)),
            Ran::Limit(limit) => Executed::Failed(Failure::Limit(limit)),
            Ran::Malformed => Executed::Failed(Failure::Malformed),
            Ran::Panicked(text) => {
                self.note_panic(command.to, time, text);
                Executed::Failed(Failure::Panicked)
            }
        }
    }

    /// Most wake-ups that may wait. A wake-up that sets itself again, and a message, must not wait
    /// for others to go away: all of them might.
    fn wake_ups_max(&self, caller: &Caller) -> usize {
        let max = self.setup.knobs.wake_ups_max;
        match caller {
            Caller::Anyone | Caller::Account(_) | Caller::Operator => max,
            Caller::Entity(_) | Caller::Itself => 4 * max,
        }
    }

    fn run(
        &mut self,
        ledger: &dyn Ledger,
        run: &Run<'_>,
        fetched: &FetchedRows,
        (effects, now, verb): (&mut Effects, Time, Verb),
    ) -> Ran {
        let durability = self.durability(run.to.kind);
        let Self { entities, overlay, setup, .. } = self;
        let durable = DurableRows { reader: Reader { overlay, fetched, ledger }, entity: run.to };
        let (resident, ephemeral) = entities.get(run.place, run.to).expect("it was brought in");
        let ephemeral = EphemeralRows { rows: ephemeral, entity: run.to };
        let state: &dyn State = match durability {
            Durability::Durable => &durable,
            Durability::Ephemeral => &ephemeral,
        };
        let scope = Scope {
            key: &run.to.key,
            durability,
            caller: run.caller,
            now,
            shard: setup.shard.0,
            release: setup.release,
            settings: &setup.registry.settings,
            state,
        };
        match verb {
            Verb::Command(_) => resident.live.run(&scope, effects, run.command, run.body),
            Verb::Query => resident.live.ask(&scope, run.command, run.body),
        }
    }

    /// Brings an entity into memory.
    fn bring_in(
        &mut self,
        ledger: &dyn Ledger,
        run: &Run<'_>,
        fetched: &FetchedRows,
    ) -> Result<(), Missing> {
        let address = run.to;
        if self.entities.contains(run.place, address) {
            return Ok(());
        }
        let mut head = None;
        if self.durability(address.kind) == Durability::Durable {
            let key = storage::head(address);
            match self.reader(ledger, fetched).get(&key) {
                Read::Ready(bytes) => head = bytes,
                Read::Miss => return Err(Missing::Row(Want::Row(key.to_vec()))),
            }
        }
        let live = (self.family(address.kind).load)(head.as_deref());
        let live = live.or(Err(Missing::Failure(Failure::Unreadable)))?;
        self.entities.insert(run.place, address, live);
        Ok(())
    }

    /// The entity has panicked once more in a row: if that is too often, it has to wait.
    fn note_panic(&mut self, address: &Address, since: Time, mut panic: String) {
        /// Most bytes of a panic's text that are kept.
        const TEXT_BYTES_MAX: usize = 1_000;
        /// Most entities whose panics are counted: many more are one defect, not many entities.
        const COUNTED_MAX: usize = 10_000;
        if self.panics.len() > COUNTED_MAX {
            self.panics.clear();
        }
        let count = self.panics.entry(address.clone()).or_default();
        *count += 1;
        if *count < PANICS_MAX {
            return;
        }
        self.panics.remove(address);
        panic.truncate(panic.floor_char_boundary(TEXT_BYTES_MAX));
        let quarantined = Quarantined { entity: address.clone(), since, panic };
        self.batch.write(storage::quarantine(address), Some(encode(&quarantined)));
        self.batch.commands += 1;
        self.quarantined.insert(address.clone(), quarantined);
    }

    pub(super) fn reader<'a>(
        &'a self,
        ledger: &'a dyn Ledger,
        fetched: &'a FetchedRows,
    ) -> Reader<'a> {
        Reader { overlay: &self.overlay, fetched, ledger }
    }

    pub(super) fn family(&self, kind: u16) -> &Family {
        self.setup.registry.kind(kind).expect("checked when the command arrived")
    }

    pub(super) fn durability(&self, kind: u16) -> Durability {
        self.family(kind).durability
    }

    /// The time of the next command: later than the last one, than `after`, and not before the clock.
    pub(super) fn next_time(&mut self, after: Time) -> Time {
        self.time = self.now.max(Time(self.time.0.max(after.0) + 1));
        self.time
    }

    /// Lets an answer leave that tells of no effect, once all that it saw is durable.
    pub(super) fn settle(&mut self, ticket: u64, answer: Answer) -> Attempt {
        let waiting = Waiting { ticket, answer, effect: false };
        self.hold(waiting);
        Attempt::Done
    }

    /// Lets an answer leave once the effect that it tells of is durable.
    fn settle_effect(&mut self, ticket: u64, answer: Answer) -> Attempt {
        let waiting = Waiting { ticket, answer, effect: true };
        self.hold(waiting);
        Attempt::Done
    }

    /// Holds something back until all that it saw is durable.
    pub(super) fn hold(&mut self, waiting: Waiting) {
        let open = u64::from(!self.batch.is_empty());
        let last = self.flight.proposed + open;
        if last > self.flight.committed {
            self.answers.after(last, waiting);
        } else {
            self.answers.after_barrier(waiting);
        }
    }
}

/// What a look-up found.
pub(super) enum LookedUp {
    /// The command is new. What is known about the key it uses, if it uses one.
    New(Option<Use>),
    /// This is its answer.
    Known(Answer),
}

/// Tells the verb only: whoever runs a handler does not need the name.
const NO_NAME: RequestId =
    RequestId::Inside { sender: 0, number: 0, birth: Time(0), acknowledged: 0 };

fn within(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), Failure> {
    if bytes > bytes_max { Err(Failure::TooLong { what, bytes_max }) } else { Ok(()) }
}

/// What an entity wants, with keys of the shard.
fn absolute(address: &Address, want: Want) -> Want {
    let prefix = storage::entity_prefix(address);
    match want {
        Want::Row(key) => Want::Row(storage::join(&prefix, &key).to_vec()),
        Want::Rows(range) => Want::Rows(storage::join_range(&prefix, &range)),
    }
}
