//! What a handler did becomes part of the open record; the record becomes part of history.

use std::collections::BTreeMap;

use bytes::Bytes;
use entity::registry::Changed;
use entity::transaction::{Effects, Message};
use entity::{Address, Durability, Id, Time};

use super::batch::InFlight;
use super::queue::Work;
use super::run::Run;
use super::shard::{Executor, Output, Phase};
use super::stored::{WakeUp, encode};
use crate::envelope::{Envelope, Parcel, Refused};
use crate::ledger::Ledger;
use crate::limits::BATCH_BYTES_EAGER;
use crate::record::{Fence, Record, Write};
use crate::request::{Answer, Failure};
use crate::slots::{ShardId, Slot};
use crate::storage;
use crate::stream::{Mark, Publication, StreamId};

impl Executor {
    /// Accepts what a handler did.
    pub(super) fn accept(
        &mut self,
        run: &Run<'_>,
        effects: Effects,
        changed: Option<Changed>,
        time: Time,
    ) {
        let address = run.to;
        let durability = self.durability(address.kind);
        if self.tells_changes && (changed.is_some() || !effects.rows.is_empty()) {
            let mark = Mark::of(address);
            match durability {
                Durability::Durable => self.batch.changed.push(mark),
                // It waits for no record.
                Durability::Ephemeral => self.outputs.push_back(Output::Changed(mark)),
            }
        }
        if let Some(changed) = changed {
            self.accept_head(run, durability, changed);
        }
        let prefix =
            if effects.rows.is_empty() { Vec::new() } else { storage::entity_prefix(address) };
        for (key, row) in effects.rows {
            let key = storage::join(&prefix, &key);
            match (durability, row) {
                (Durability::Durable, row) => self.write_row(key, row),
                (Durability::Ephemeral, Some(row)) => {
                    self.entities.ephemeral.insert(key, row);
                }
                (Durability::Ephemeral, None) => {
                    self.entities.ephemeral.remove(&key);
                }
            }
        }
        let appended = if self.followed.is_empty() { Vec::new() } else { effects.appended };
        for (stream, offset, item) in appended {
            let of = StreamId { entity: address.clone(), stream };
            if self.followed.contains(&of) {
                self.batch.publications.push(Publication { of, offset, item });
            }
        }
        if !effects.messages.is_empty() {
            self.batch.commands += 1;
        }
        for message in effects.messages {
            self.send(address, message);
        }
        let mut ids = effects.ids;
        for wake_up in effects.wake_ups {
            ids += 1;
            let id = Id::of_record(time, self.setup.shard.0, ids);
            let key = storage::wake_up(Slot::of(&address.key), wake_up.at, id);
            let (command, body) = (wake_up.command, wake_up.body.to_vec());
            let stored = WakeUp { to: address.clone(), command, body };
            self.batch.write(key.clone(), Some(encode(&stored, self.setup.release)));
            self.wake_ups.insert((wake_up.at, key), stored);
        }
    }

    fn accept_head(&mut self, run: &Run<'_>, durability: Durability, changed: Changed) {
        let sequence = self.flight.proposed + 1;
        let (resident, _) = self.entities.get(run.place, run.to).expect("its handler ran");
        resident.live = changed.live;
        if durability == Durability::Ephemeral {
            return;
        }
        // Of several heads of one entity in one record only the last one counts.
        if resident.written_by == sequence {
            self.batch.rewrite(resident.written_at as usize, changed.head);
            return;
        }
        let key = storage::head(run.to);
        let index = self.batch.write(key, Some(changed.head));
        resident.written_at = u32::try_from(index).expect("far fewer rows than that");
        resident.written_by = sequence;
    }

    /// Writes a row that handlers may read before it has committed.
    pub(super) fn write_row(&mut self, key: Bytes, value: Option<Bytes>) {
        self.overlay.write(self.flight.proposed + 1, key.clone(), value.clone());
        self.batch.write(key, value);
    }

    /// Puts a message into the envelopes of the open record, one for each shard among its targets.
    fn send(&mut self, from: &Address, message: Message) {
        let mut targets: BTreeMap<ShardId, Vec<Vec<u8>>> = BTreeMap::new();
        for target in message.targets {
            targets.entry(self.setup.directory.shard_of(&target)).or_default().push(target);
        }
        for (to, targets) in targets {
            let refused = message.refused.as_ref();
            let parcel = Parcel {
                from: from.clone(),
                kind: message.kind,
                command: message.command,
                body: message.body.to_vec(),
                targets,
                refused: refused
                    .map(|(command, body)| Refused { command: *command, body: body.to_vec() }),
            };
            self.batch.send(to, parcel);
        }
    }

    /// Closes the open record and hands it over, if there is one and it need not wait.
    pub(super) fn seal(&mut self, ledger: &mut dyn Ledger) {
        let gathered = self.outbox.removals() + self.replies.removals();
        let has_gathered = gathered > self.setup.knobs.removals_gathered_max
            || gathered > 0 && probe::buggify!(RemovalsEager);
        let has_content = !self.batch.is_empty() || has_gathered;
        if !has_content || !self.may_leave() {
            return;
        }
        let sequence = self.flight.proposed + 1;
        if self.time <= self.sealed {
            self.next_time(Time::default());
        }
        let time = self.time;
        self.sealed = time;
        let batch = std::mem::take(&mut self.batch);
        let (commands, mut writes) = (batch.commands, batch.writes);
        let sent = self.enclose(batch.parcels, time, &mut writes);
        let mut handled = Vec::new();
        for (from, position) in self.inbox.take_advanced() {
            let (key, value) =
                (storage::link_in(from), Some(encode(&position, self.setup.release)));
            writes.push(Write { key, value });
            handled.push((from, position.handled));
        }
        let stay = probe::buggify!(RemovalsLate);
        let limit = if stay { 0 } else { 2 * self.setup.knobs.removals_gathered_max };
        writes.extend(self.outbox.take_removals(limit));
        writes.extend(self.replies.take_removals(limit));
        let (publications, changed) = (batch.publications, batch.changed);
        let max = self.setup.knobs.records_in_flight_max;
        probe::bound!("records in flight", self.flight.count() + 1, max);
        let record = InFlight { sequence, publications, changed, sent, handled };
        self.flight.push(record, self.now, commands);
        let fence = Fence { activation: self.activation, sequence };
        ledger.commit(Record { fence, time, writes });
    }

    /// Whether the open record need not wait, for those in flight or for company.
    pub(super) fn may_leave(&self) -> bool {
        let (in_flight, knobs) = (self.flight.count(), &self.setup.knobs);
        let is_large = self.is_batch_full()
            || self.batch.commands >= knobs.batch_commands_eager
            || self.batch.bytes >= probe::knob!(EagerBytes, BATCH_BYTES_EAGER);
        if in_flight == 0 {
            let is_empty = self.batch.is_empty();
            return is_large || is_empty || self.flight.gathers_until(self.now, knobs).is_none();
        }
        is_large && in_flight < knobs.records_in_flight_max && !probe::buggify!(RecordWaits)
    }

    /// Until when the open record waits for company, if that is all that it waits for.
    pub(super) fn gathers_until(&self) -> Option<Time> {
        let is_waiting = self.flight.count() == 0 && !self.may_leave();
        is_waiting.then(|| self.flight.gathers_until(self.now, &self.setup.knobs)).flatten()
    }

    /// Makes one envelope for each shard that gets messages.
    fn enclose(
        &mut self,
        parcels: BTreeMap<ShardId, Vec<Parcel>>,
        time: Time,
        writes: &mut Vec<Write>,
    ) -> Vec<(ShardId, u64)> {
        let (own, incarnation) = (self.setup.shard, self.setup.incarnation);
        let mut sent = Vec::new();
        for (to, parcels) in parcels {
            let number = self.outbox.next_number(to);
            let envelope = Envelope { incarnation, from: own.0, number, time, parcels };
            let stored = self.outbox.push(to, number, envelope.seal());
            writes.extend(stored.into_iter().skip(usize::from(probe::mutant!(EnvelopesUnstored))));
            sent.push((to, number));
            // What a shard sends to itself may be handled by its next record: that one commits only
            // if this one does.
            if to == own {
                self.deliver_to_self(envelope);
            }
        }
        sent
    }

    /// A record has committed, and with it all before it.
    pub(super) fn committed(&mut self, sequence: u64) {
        let records: Vec<_> = self.flight.committed(sequence).collect();
        for record in records {
            self.outputs.extend(record.publications.into_iter().map(Output::Published));
            self.outputs.extend(record.changed.into_iter().map(Output::Changed));
            for (to, number) in record.sent {
                self.outbox.committed(to, number);
            }
            for (from, number) in record.handled {
                self.inbox.note_committed(from, number);
                if from == self.setup.shard {
                    self.outbox.acknowledge(from, number, self.now);
                } else if !probe::buggify!(AckUnsent) {
                    self.outputs.push_back(Output::Acknowledge { to: from, number });
                }
            }
        }
        let waiting: Vec<_> = self.answers.committed(self.flight.committed).collect();
        for waiting in waiting {
            self.answer(waiting.ticket, waiting.answer);
        }
    }

    /// The activation is over. `lost` is the first record known to have no effect; of others in
    /// flight nothing is known.
    pub(super) fn end(&mut self, lost: Option<u64>) {
        // What was not handed over has no effect either.
        let lost = lost.unwrap_or(self.flight.proposed + 1);
        let is_loading = matches!(self.phase, Phase::Loading | Phase::Confirming { .. });
        probe::sometimes!(LostWhileLoading, is_loading);
        probe::sometimes!(LifeEndedUnderLoad, self.flight.count() > 0);
        for (sequence, waiting) in self.answers.drain() {
            let without_effect = !waiting.effect || sequence.is_some_and(|it| it >= lost);
            probe::sometimes!(UnknownTold, !without_effect);
            let failure = if without_effect { Failure::Moved } else { Failure::Unknown };
            self.answer(waiting.ticket, Answer::Failure(failure));
        }
        for work in self.queue.drain() {
            match work {
                Work::Request { ticket, .. } => {
                    self.answer(ticket, Answer::Failure(Failure::Moved));
                }
                Work::Link(_) | Work::WakeUp(_) => {}
            }
        }
        self.phase = Phase::Ended;
        self.outputs.push_back(Output::Ended);
    }
}
