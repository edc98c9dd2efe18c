//! One request, from name to answer.

use entity::limits::{BODY_BYTES_MAX, ENTITY_KEY_BYTES_MAX};
use entity::registry::{Family, Outcome, Ran};
use entity::transaction::{Effects, Want};
use entity::{Address, Durability, Time};

use super::keys::{Use, Used};
use super::operate::{Missing, is_for_shard, is_understood};
use super::replies::Known;
use super::run::{Executed, Run, absolute};
use super::shard::{Admission, Executor, Phase};
use super::turns::Attempt;
use super::view::{FetchedRows, Reader};
use super::waiting::Waiting;
use crate::ledger::Ledger;
use crate::limits::KEY_BYTES_MAX;
use crate::request::{Answer, Failure, Request, RequestId, Verb};
use crate::slots::Slot;

impl Executor {
    /// Whether a request may come in.
    pub(super) fn admit(&self, request: &Request) -> Result<(), Failure> {
        if !matches!(self.phase, Phase::Serving) || !self.has_shard_of(&request.to) {
            return Err(Failure::Moved);
        }
        let is_command = matches!(request.verb, Verb::Command(_));
        let knobs = &self.setup.knobs;
        let is_full = is_command && self.outbox.bytes() > knobs.outbox_bytes_soft;
        let has_no_room = self.queue.len() >= knobs.queue_max;
        probe::sometimes!(OutboxFull, is_full);
        probe::sometimes!(QueueFull, has_no_room);
        if is_full || has_no_room || probe::buggify!(RequestRefused) {
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
        let known = known.filter(|_| (family.is_key)(&request.to.key));
        let known = known.ok_or(Failure::Malformed)?;
        match self.admission {
            Admission::None if is_command => Err(Failure::Overloaded),
            Admission::Freeing if !known.frees_space => {
                probe::sometimes!(StorageFullTold);
                Err(Failure::StorageFull)
            }
            Admission::All | Admission::None | Admission::Freeing => Ok(()),
        }
    }

    fn has_shard_of(&self, address: &Address) -> bool {
        self.setup.directory.home(address) == Some(self.setup.shard)
    }

    /// Handles a command: once, however often it comes.
    pub(super) fn command(
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
                super::keys::look_up((&reader, &self.calm), &used, now)
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
                self.calm.learn(slot, &usage);
                let used = Used { slot, account: *account, key, fingerprint };
                let writes = usage.keep(&used, time, outcome);
                for write in writes {
                    self.write_row(write.key, write.value);
                }
            }
        }
        self.batch.commands += 1;
    }

    /// Answers a question.
    pub(super) fn ask(
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
        let least = if probe::mutant!(ClockBelieved) { self.sealed } else { self.time.max(after) };
        self.time = self.now.max(Time(least.0 + 1));
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
        let is_refusal = matches!(answer, Answer::Outcome(Outcome::Refusal(_)));
        if is_refusal && probe::mutant!(RefusalEarly) {
            self.answer(ticket, answer);
            return Attempt::Done;
        }
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
        } else if probe::mutant!(BarrierSkipped) {
            self.answer(waiting.ticket, waiting.answer);
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

fn within(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), Failure> {
    if bytes > bytes_max { Err(Failure::TooLong { what, bytes_max }) } else { Ok(()) }
}
