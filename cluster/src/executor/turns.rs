//! Whose turn it is: work in order, and what waits for a row.

use std::collections::BTreeMap;

use entity::Address;
use entity::transaction::Want;

use super::queue::{Next, Turn, Work};
use super::shard::Executor;
use crate::ledger::Ledger;
use crate::request::Verb;

/// How an attempt to handle some work ended.
pub(super) enum Attempt {
    /// It is handled.
    Done,
    /// It needs what is not in memory. Nothing happened.
    Miss(Want),
    /// It has to wait until the outbox is shorter. Nothing happened.
    Postpone,
}

impl Executor {
    /// Handles what waits, as far as there is room.
    pub(super) fn work(&mut self, ledger: &mut dyn Ledger) {
        for _ in 0..self.setup.knobs.step_commands_max {
            let ends = !self.batch.is_empty() && probe::buggify!(RecordEndsEarly);
            if ends || self.is_batch_full() {
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

    pub(super) fn is_batch_full(&self) -> bool {
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
            Attempt::Postpone => self.queue.postpone(turn.work, self.now),
        }
    }

    fn resume(&mut self, ledger: &mut dyn Ledger, address: &Address, turn: Turn) {
        match self.attempt(ledger, &turn) {
            Attempt::Done => self.queue.unblock(address),
            Attempt::Miss(want) => self.block(ledger, address, turn, want),
            Attempt::Postpone => {
                self.queue.postpone(turn.work, self.now);
                self.queue.unblock(address);
            }
        }
    }

    /// Fetches what some work needs; whatever concerns the same entity waits behind it.
    fn block(&mut self, ledger: &mut dyn Ledger, address: &Address, turn: Turn, want: Want) {
        probe::sometimes!(RanAgain);
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
}
