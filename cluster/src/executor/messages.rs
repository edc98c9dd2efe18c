//! One message of a link, one wake-up.

use bytes::Bytes;
use entity::limits::ENTITY_KEY_BYTES_MAX;
use entity::registry::Entry;
use entity::{Address, Caller, Id, Time};

use super::outbox::resend_after;
use super::queue::Work;
use super::run::{Executed, Run};
use super::shard::{Executor, Output};
use super::stored::encode;
use super::turns::Attempt;
use super::view::FetchedRows;
use crate::envelope::{DeadLetter, Parcel, Refused};
use crate::ledger::Ledger;
use crate::limits::LET_THROUGH;
use crate::request::Failure;
use crate::slots::ShardId;
use crate::storage;

/// A message as it is handled: taken out of its envelope.
struct Message {
    from: Address,
    to: Address,
    command: u16,
    body: Bytes,
    refused: Option<Refused>,
    /// Time of the record that sent it.
    sent: Time,
}

impl Executor {
    /// Handles the next message of a link, exactly once: whatever its handler says, the record that
    /// holds the effects also moves the link on.
    pub(super) fn message(
        &mut self,
        ledger: &mut dyn Ledger,
        from: ShardId,
        fetched: &FetchedRows,
    ) -> Attempt {
        let message = self.head_message(from);
        let caller = Caller::Entity(message.from.clone());
        match self.handle(ledger, &message, &caller, fetched) {
            Attempt::Done => {}
            not_yet @ (Attempt::Miss(_) | Attempt::Postpone) => return not_yet,
        }
        self.inbox.advance(from);
        if probe::mutant!(AckEarly) && from != self.setup.shard {
            let number = self.inbox.handled(from);
            self.outputs.push_back(Output::Acknowledge { to: from, number });
        }
        self.batch.commands += 1;
        if self.inbox.head(from).is_some() {
            self.queue.push(Work::Link(from));
        } else {
            self.inbox.leave_line(from);
        }
        Attempt::Done
    }

    fn head_message(&self, from: ShardId) -> Message {
        let (envelope, n) = self.inbox.head(from).expect("a link in line has a head");
        let (parcel, key) = envelope.message(n).expect("envelopes are never empty");
        Message {
            from: parcel.from.clone(),
            to: Address { kind: parcel.kind, key: key.to_vec() },
            command: parcel.command,
            body: Bytes::copy_from_slice(&parcel.body),
            refused: parcel.refused.clone(),
            sent: envelope.time,
        }
    }

    /// Handles a wake-up that is due, exactly once: the record that holds the effects also removes it.
    pub(super) fn wake_up(
        &mut self,
        ledger: &mut dyn Ledger,
        key: &Bytes,
        fetched: &FetchedRows,
    ) -> Attempt {
        let wake_up = self.due.get(key).expect("it stands in line").clone();
        // Never before its time, even if the clock that called it due has been set back since.
        let due = storage::wake_up_at(key).expect("written by `accept`");
        let message = Message {
            from: wake_up.to.clone(),
            to: wake_up.to,
            command: wake_up.command,
            body: wake_up.body.into(),
            refused: None,
            sent: due,
        };
        match self.handle(ledger, &message, &Caller::Itself, fetched) {
            Attempt::Done => {}
            not_yet @ (Attempt::Miss(_) | Attempt::Postpone) => return not_yet,
        }
        probe::sometimes!(WokenUp);
        self.due.remove(key);
        self.batch.write(key.clone(), None);
        self.batch.commands += 1;
        Attempt::Done
    }

    fn handle(
        &mut self,
        ledger: &dyn Ledger,
        message: &Message,
        caller: &Caller,
        fetched: &FetchedRows,
    ) -> Attempt {
        if !self.is_understood(message) {
            self.give_up(message, &Failure::Malformed.problem());
            return Attempt::Done;
        }
        let run = Run {
            to: &message.to,
            place: self.entities.place(&message.to),
            caller,
            command: message.command,
            body: &message.body,
            after: message.sent,
        };
        match self.execute(ledger, &run, fetched) {
            Executed::Miss(want) => return Attempt::Miss(want),
            Executed::Replied { effects, changed, time, .. } => {
                if !effects.messages.is_empty() && !self.may_send(caller) {
                    probe::sometimes!(Postponed);
                    return Attempt::Postpone;
                }
                self.accept(&run, effects, changed, time);
            }
            Executed::Refused { refusal, .. } => {
                let command = self.command_entry(message).problem;
                let problem = command(&refusal).expect("encoded by the contract's entity");
                self.give_up(message, &problem);
            }
            Executed::Failed(Failure::Overloaded) => return Attempt::Postpone,
            Executed::Failed(failure) => self.give_up(message, &failure.problem()),
        }
        Attempt::Done
    }

    /// Puts back in line what waits for a shorter outbox, when there is room or it has waited for long.
    pub(super) fn resume_postponed(&mut self) {
        let Some(until) = self.postponed_until() else { return };
        if !self.is_outbox_full() {
            self.let_through = 0;
        } else if until <= self.now {
            self.let_through = LET_THROUGH;
        } else {
            return;
        }
        self.queue.resume_postponed();
    }

    /// When some of what waits for a shorter outbox is let through. A clock that was set back does not
    /// put that off.
    pub(super) fn postponed_until(&self) -> Option<Time> {
        self.queue.postponed_since().map(|it| it.min(self.now) + resend_after())
    }

    fn is_outbox_full(&self) -> bool {
        self.outbox.bytes() > self.setup.knobs.outbox_bytes_hard
    }

    /// Whether what a handler sends may join the outbox. Wake-ups could go on for ever: they wait until
    /// it is shorter, however long that takes.
    fn may_send(&mut self, caller: &Caller) -> bool {
        if !self.is_outbox_full() {
            return true;
        }
        let is_let_through = self.let_through > 0
            && !matches!(caller, Caller::Itself)
            && !probe::mutant!(FullForEver);
        if is_let_through {
            probe::sometimes!(LetThrough);
            self.let_through -= 1;
        }
        is_let_through
    }

    fn is_understood(&self, message: &Message) -> bool {
        let key = &message.to.key;
        self.setup.registry.kind(message.to.kind).is_some_and(|family| {
            let is_key = key.len() <= ENTITY_KEY_BYTES_MAX && (family.is_key)(key);
            is_key && family.command(message.command).is_some()
        })
    }

    fn command_entry(&self, message: &Message) -> &Entry {
        let command = self.family(message.to.kind).command(message.command);
        command.expect("looked up before it ran")
    }

    /// A message was not handled: its sender is told, if it wants to be; otherwise it becomes a dead
    /// letter.
    fn give_up(&mut self, message: &Message, problem: &entity::Problem) {
        if let Some(refused) = &message.refused {
            probe::sometimes!(RefusalReturned);
            let parcel = Parcel {
                from: message.to.clone(),
                kind: message.from.kind,
                command: refused.command,
                body: refused.body.clone(),
                targets: vec![message.from.key.clone()],
                refused: None,
            };
            self.batch.send(self.setup.directory.shard_of(&message.from.key), parcel);
            return;
        }
        if probe::mutant!(LetterDropped) {
            return;
        }
        probe::sometimes!(LetterDied);
        let at = self.next_time(message.sent);
        let letter = DeadLetter {
            from: message.from.clone(),
            to: message.to.clone(),
            command: message.command,
            body: message.body.to_vec(),
            at,
            code: problem.class.code.to_owned(),
            detail: problem.detail.clone(),
        };
        let id = Id::of_record(at, self.setup.shard.0, 0);
        self.write_row(storage::dead_letter(id), Some(encode(&letter, self.setup.release)));
        self.count_dead_letters(1);
    }

    pub(super) fn count_dead_letters(&mut self, change: i64) {
        self.counters.dead_letters = self.counters.dead_letters.saturating_add_signed(change);
        self.batch.write(storage::counters(), Some(encode(&self.counters, self.setup.release)));
    }
}
