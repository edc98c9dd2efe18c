//! Taking over: what has to be in memory is read before the first command.

use bytes::Bytes;
use entity::transaction::{Order, Range, Want};
use entity::{Key, Time};

use super::queue::Work;
use super::shard::{Executor, Phase};
use super::stored::decode;
use crate::ledger::{Fetched, Ledger};
use crate::slots::ShardId;
use crate::storage::{self, Class};

impl Executor {
    /// Begins to load.
    pub(super) fn load(&mut self, ledger: &mut dyn Ledger) {
        self.phase = Phase::Loading;
        self.read_on(ledger, &storage::in_memory().0);
    }

    fn read_on(&mut self, ledger: &mut dyn Ledger, from: &Bytes) {
        let (from, to) = (from.to_vec(), storage::in_memory().1.to_vec());
        let range = Range { from, to, order: Order::Up, limit: self.setup.knobs.load_rows };
        ledger.fetch(self.ticket(), Want::Rows(range));
    }

    /// Rows have been read: keeps them, and reads on or serves.
    pub(super) fn loaded(&mut self, ledger: &mut dyn Ledger, fetched: Fetched) {
        // Nobody asked for a single one.
        let Fetched::Rows(rows) = fetched else { return };
        for (key, row) in &rows {
            self.keep(key, row);
        }
        match rows.last().filter(|_| rows.len() == self.setup.knobs.load_rows) {
            Some((last, _)) => {
                probe::sometimes!(LoadedInPages);
                self.read_on(ledger, &storage::join(last, &[0]));
            }
            None => self.confirm(ledger),
        }
    }

    /// Keeps one row of the executor's own in memory.
    fn keep(&mut self, key: &Bytes, row: &Bytes) {
        let class = storage::class_of(key);
        let is = |it: Class| class == Some(it as u8);
        let invalid = "written by the executor";
        if is(Class::Outbox) {
            let (to, number) = storage::outbox_of(key).expect(invalid);
            self.outbox.load(to, number, row.clone());
        } else if is(Class::LinkOut) {
            let last = u64::from_bytes(row).expect(invalid);
            self.outbox.load_last(storage::link_of(key).expect(invalid), last);
        } else if is(Class::LinkIn) {
            self.inbox.load(storage::link_of(key).expect(invalid), decode(row));
        } else if is(Class::Acknowledged) {
            let sender = storage::acknowledged_of(key).expect(invalid);
            self.replies.load_acknowledged(sender, row, self.time);
        } else if is(Class::Counters) {
            self.counters = decode(row);
        } else if is(Class::ReplyInside) {
            if probe::mutant!(RepliesForgotten) {
                return;
            }
            let (slot, name) = storage::reply_inside_of(key).expect(invalid);
            self.replies.load(slot, name, row);
        } else if is(Class::WakeUp) {
            let at: Time = storage::wake_up_at(key).expect(invalid);
            self.wake_ups.insert((at, key.clone()), decode(row));
        } else if is(Class::Quarantine) {
            let quarantined: super::stored::Quarantined = decode(row);
            self.quarantined.insert(quarantined.entity.clone(), quarantined);
        }
    }

    /// Asks whether the activation is still the current one. Pages were read one after the other: only
    /// if nobody else has begun meanwhile do they belong together.
    fn confirm(&mut self, ledger: &mut dyn Ledger) {
        let ticket = self.ticket();
        self.phase = Phase::Confirming { ticket };
        ledger.barrier(ticket);
    }

    /// Everything that has to be in memory is, and belongs together.
    pub(super) fn serve(&mut self) {
        self.phase = Phase::Serving;
        self.replies.sort_by_age();
        let own = self.setup.shard;
        let handled = self.inbox.handled(own);
        // Nobody else acknowledges what the shard sent to itself.
        self.outbox.acknowledge(own, handled, self.now);
        for envelope in self.outbox.unhandled(own, handled) {
            self.deliver_to_self(envelope);
        }
    }

    /// Gives the shard an envelope that it sent to itself: it need not travel.
    pub(super) fn deliver_to_self(&mut self, envelope: crate::envelope::Envelope) {
        let own: ShardId = self.setup.shard;
        match self.inbox.arrive(own, envelope, usize::MAX) {
            super::inbox::Arrival::Queue => self.queue.push(Work::Link(own)),
            super::inbox::Arrival::Kept => {}
            super::inbox::Arrival::Repeated | super::inbox::Arrival::Ignored => {
                unreachable!("a shard sends to itself in order")
            }
        }
    }
}
