//! Taking over: what has to be in memory is read before the first command.

use bytes::Bytes;
use entity::transaction::{Order, Range, Want};
use entity::{Key, Time};

use super::queue::Work;
use super::shard::{Executor, Phase};
use super::stored::decode;
use crate::ledger::{Fetched, Ledger};
use crate::slots::{SLOTS, ShardId, Slot};
use crate::storage::{self, Class};

/// Where loading stands. Everything from `from` on is still to be read.
#[derive(Debug)]
pub(super) struct Loading {
    stage: Stage,
    from: Bytes,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// What the executor keeps for the shard.
    Shard,
    /// The next slot that has any row.
    Seek,
    /// What the executor keeps for the entities of a slot.
    Slot(Slot),
}

impl Executor {
    /// Begins to load.
    pub(super) fn load(&mut self, ledger: &mut dyn Ledger) {
        let (from, _) = storage::shard_rows();
        self.fetch(ledger, Loading { stage: Stage::Shard, from });
    }

    fn fetch(&mut self, ledger: &mut dyn Ledger, loading: Loading) {
        let (to, limit) = match loading.stage {
            Stage::Shard => (storage::shard_rows().1, self.setup.knobs.load_rows),
            Stage::Seek => (storage::slots_end(), 1),
            Stage::Slot(slot) => (storage::slot_rows(slot).1, self.setup.knobs.load_rows),
        };
        let from = loading.from.to_vec();
        let ticket = self.ticket();
        self.phase = Phase::Loading(loading);
        ledger.fetch(ticket, Want::Rows(Range { from, to: to.to_vec(), order: Order::Up, limit }));
    }

    /// Rows have been read: keeps them, and reads on or serves.
    pub(super) fn loaded(&mut self, ledger: &mut dyn Ledger, rows: Fetched) {
        let Phase::Loading(Loading { stage, .. }) = self.phase else { return };
        let Fetched::Rows(rows) = rows else { return };
        let next = match stage {
            Stage::Shard | Stage::Slot(_) => self.after_page(stage, &rows),
            Stage::Seek => rows.first().and_then(|(key, _)| after_seek(key)),
        };
        match next {
            Some(next) => self.fetch(ledger, next),
            None => self.confirm(ledger),
        }
    }

    fn after_page(&mut self, stage: Stage, rows: &[(Bytes, Bytes)]) -> Option<Loading> {
        for (key, row) in rows {
            self.keep(key, row);
        }
        if rows.len() == self.setup.knobs.load_rows {
            probe::sometimes!(LoadedInPages);
            let (last, _) = rows.last().expect("a full page");
            return Some(Loading { stage, from: storage::join(last, &[0]) });
        }
        match stage {
            Stage::Shard => {
                Some(Loading { stage: Stage::Seek, from: storage::slot_rows(Slot(0)).0 })
            }
            Stage::Slot(slot) => seek_behind(slot),
            Stage::Seek => None,
        }
    }

    /// Keeps one row of the executor's own in memory.
    fn keep(&mut self, key: &Bytes, row: &Bytes) {
        let (slot, class) = storage::slot_and_class(key).expect("written by the executor");
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
            let (_, name) = storage::reply_inside_of(key).expect(invalid);
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

/// Where to go on when the next row of any slot is `key`.
fn after_seek(key: &Bytes) -> Option<Loading> {
    let (slot, class) = storage::slot_and_class(key).expect("every key begins with a slot");
    let (from, to) = storage::slot_rows(slot);
    if class.is_some() && *key >= from && *key < to {
        return Some(Loading { stage: Stage::Slot(slot), from });
    }
    seek_behind(slot)
}

fn seek_behind(slot: Slot) -> Option<Loading> {
    let next = slot.0 + 1;
    (next < SLOTS).then(|| Loading { stage: Stage::Seek, from: storage::slot_rows(Slot(next)).0 })
}
