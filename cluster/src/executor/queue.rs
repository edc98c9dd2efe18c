//! What waits to be handled, and what waits for a row.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use entity::transaction::Want;
use entity::{Address, Time};

use super::view::FetchedRows;
use crate::ledger::Fetched;
use crate::request::Request;
use crate::slots::ShardId;

/// Something to handle.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// A request from outside; the ticket names it in the answer.
    Request { ticket: u64, request: Box<Request> },
    /// The next message of the link from a shard.
    Link(ShardId),
    /// A wake-up that is due, by its key.
    WakeUp(Bytes),
}

/// Some work, and the rows that were fetched for it.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) work: Work,
    pub(super) fetched: FetchedRows,
}

/// Work in order, and per entity the work that waits until a row has been fetched.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: VecDeque<Work>,
    /// Entities whose first waiter can run again.
    resumable: VecDeque<Address>,
    blocked: BTreeMap<Address, Blocked>,
    /// Which entity a fetch is for, and what it wants.
    fetches: BTreeMap<u64, (Address, Want)>,
    /// Work that must wait until the outbox is shorter.
    postponed: Vec<Work>,
    /// Since when the first of it waits.
    postponed_since: Time,
    /// How much work there is in all places but `postponed`.
    count: usize,
}

#[derive(Debug)]
struct Blocked {
    /// The last record committed when its first fetch began.
    since: u64,
    waiters: VecDeque<Work>,
    fetched: FetchedRows,
}

/// What to handle next.
pub(super) enum Next {
    /// New work.
    Ready(Work),
    /// The first waiter of an entity.
    Resumed(Address, Turn),
}

impl Queue {
    /// How much waits.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, work: Work) {
        self.count += 1;
        self.ready.push_back(work);
    }

    pub(super) fn postpone(&mut self, work: Work, now: Time) {
        if self.postponed.is_empty() {
            self.postponed_since = now;
        }
        self.postponed.push(work);
    }

    /// Puts what was postponed back in line.
    pub(super) fn resume_postponed(&mut self) {
        for work in std::mem::take(&mut self.postponed) {
            self.push(work);
        }
    }

    pub(super) fn has_postponed(&self) -> bool {
        !self.postponed.is_empty()
    }

    /// Since when some work waits until the outbox is shorter.
    pub(super) fn postponed_since(&self) -> Option<Time> {
        self.has_postponed().then_some(self.postponed_since)
    }

    /// Whether any work can run.
    pub(super) fn can_run(&self) -> bool {
        !self.resumable.is_empty() || !self.ready.is_empty()
    }

    /// Takes the next work, if any can run.
    pub(super) fn next(&mut self) -> Option<Next> {
        probe::bound!("entities that nobody wakes", self.orphans(), 0u64);
        if let Some(address) = self.resumable.pop_front() {
            let blocked = self.blocked.get_mut(&address).expect("resumable entities are blocked");
            let work = blocked.waiters.pop_front().expect("somebody waits");
            let fetched = std::mem::take(&mut blocked.fetched);
            self.count -= 1;
            return Some(Next::Resumed(address, Turn { work, fetched }));
        }
        let work = self.ready.pop_front()?;
        self.count -= 1;
        Some(Next::Ready(work))
    }

    /// How many entities wait for a row that is not on its way.
    fn orphans(&self) -> u64 {
        let is_awaited = |it: &Address| {
            self.fetches.values().any(|(address, _)| address == it) || self.resumable.contains(it)
        };
        self.blocked.keys().filter(|it| !is_awaited(it)).count() as u64
    }

    /// Puts work in line behind what already waits for a row of this entity, if something does.
    ///
    /// # Errors
    ///
    /// Gives the work back when nothing does.
    pub(super) fn wait_behind(&mut self, address: &Address, work: Work) -> Result<(), Work> {
        let Some(blocked) = self.blocked.get_mut(address) else { return Err(work) };
        blocked.waiters.push_back(work);
        self.count += 1;
        Ok(())
    }

    /// Blocks an entity until `want` has been fetched under `ticket`; `turn` comes first then.
    pub(super) fn block(
        &mut self,
        address: &Address,
        turn: Turn,
        (ticket, want): (u64, Want),
        committed: u64,
    ) {
        let new =
            || Blocked { since: committed, waiters: VecDeque::new(), fetched: BTreeMap::new() };
        let blocked = self.blocked.entry(address.clone()).or_insert_with(new);
        blocked.waiters.push_front(turn.work);
        blocked.fetched = turn.fetched;
        self.fetches.insert(ticket, (address.clone(), want));
        self.count += 1;
    }

    /// The first waiter of an entity has run. The next one can, if there is one.
    pub(super) fn unblock(&mut self, address: &Address) {
        let blocked = self.blocked.get(address).expect("resumable entities are blocked");
        if blocked.waiters.is_empty() {
            self.blocked.remove(address);
        } else if !probe::mutant!(WakeUpLost, one in 20) {
            self.resumable.push_back(address.clone());
        }
    }

    /// Rows have been fetched.
    pub(super) fn fetched(&mut self, ticket: u64, rows: Fetched) {
        let Some((address, want)) = self.fetches.remove(&ticket) else { return };
        let blocked = self.blocked.get_mut(&address).expect("blocked until its fetch ends");
        blocked.fetched.insert(want, rows);
        self.resumable.push_back(address);
    }

    /// The last record that every fetch under way has seen.
    pub(super) fn seen_by_all(&self) -> Option<u64> {
        self.blocked.values().map(|blocked| blocked.since).min()
    }

    /// Whether any work waits for a row.
    pub(super) fn has_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Whether something waits for a row of this entity.
    pub(super) fn is_blocked(&self, address: &Address) -> bool {
        self.blocked.contains_key(address)
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<Work> {
        let blocked = std::mem::take(&mut self.blocked);
        let waiters = blocked.into_values().flat_map(|blocked| blocked.waiters);
        let postponed = std::mem::take(&mut self.postponed);
        let all = self.ready.drain(..).chain(waiters).chain(postponed).collect();
        *self = Self::default();
        all
    }
}
