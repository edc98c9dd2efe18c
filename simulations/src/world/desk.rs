//! The ledger of a shard, with faults.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use cluster::ledger::{Completion, Fetched, Ledger, Snapshot};
use cluster::memory::{Fate, MemoryShard, Reads};
use cluster::record::{Fence, Record};
use cluster::storage;
use entity::Time;
use entity::transaction::{Range, Read, Want};

use super::plan::Faults;
use super::sabotage::Sabotage;
use super::watch::Watch;
use crate::chance::Chance;

/// A [`MemoryShard`] as one executor sees it in one step.
#[derive(Debug)]
pub struct Desk<'a> {
    /// The shard. Reading through a seat borrows it as writing does.
    pub memory: RefCell<&'a mut MemoryShard>,
    /// What is known of its records.
    pub watch: &'a mut Watch,
    /// Whose desk it is.
    pub seat: u32,
    /// What was told late.
    pub told: &'a mut VecDeque<Completion>,
    /// The faults of this shard.
    pub chance: &'a mut Chance,
    /// What goes wrong.
    pub faults: &'a Faults,
    /// What is broken on purpose.
    pub sabotage: Sabotage,
    /// What this step came to.
    pub ends: &'a mut Ends,
}

/// What a step leaves behind.
#[derive(Debug, Default)]
pub struct Ends {
    /// What is to be told later.
    pub late: Vec<(Duration, Completion)>,
    /// Barriers that are asked for later.
    pub barriers: Vec<(Duration, u64)>,
    /// Whether anything was handed over.
    pub is_busy: bool,
    /// Whether a record is delayed.
    pub is_delayed: bool,
    /// How many faults there were.
    pub faults: u64,
}

impl Desk<'_> {
    fn fate(&mut self) -> Fate {
        let delay = self.chance.within(1..=20);
        let fates = [
            (self.faults.record_delay, Fate::Delay(u32::try_from(delay).expect("small"))),
            (self.faults.commit_unknown, Fate::CommitUnknown),
            (self.faults.drop_unknown, Fate::DropUnknown),
            (self.faults.rival, Fate::Rival),
        ];
        let mut drawn = Fate::Commit;
        for (odds, fate) in fates {
            if self.chance.hits(odds) {
                drawn = fate;
            }
        }
        drawn
    }

    /// Loses a row of a record now and then.
    fn lose_row(&mut self, record: &mut Record) {
        let Sabotage::RowLost(class) = self.sabotage else { return };
        if !self.chance.hits(Sabotage::ODDS) {
            return;
        }
        let lost = record.writes.iter().position(|write| {
            storage::class_of(&write.key) == Some(class as u8) && write.value.is_some()
        });
        if let Some(lost) = lost {
            record.writes.remove(lost);
        }
    }

    /// Reads what is applied now, and tells it later: records that were handed over before are
    /// perhaps not in it, and those that follow are not.
    fn read_early(&mut self, ticket: u64, read: impl FnOnce(&dyn Ledger) -> Fetched) {
        let memory = self.memory.get_mut();
        let reads = std::mem::replace(&mut memory.reads, Reads::Warm);
        let rows = read(&memory.seat(self.seat));
        memory.reads = reads;
        let delay = self.chance.lasting(1..=50_000);
        self.ends.late.push((delay, Completion::Fetched { ticket, rows }));
    }

    /// Makes the record of an old activation one of the current one.
    fn smuggle(&mut self, mut record: Record) {
        let told = record.fence;
        let Fence { activation, sequence } = self.watch.last();
        record.fence = Fence { activation, sequence: sequence + 1 };
        record.time = record.time.max(Time(self.memory.get_mut().time().0 + 1));
        self.memory.get_mut().seat(self.seat).commit(record);
        self.told.push_back(Completion::Committed { fence: told });
    }
}

impl Ledger for Desk<'_> {
    fn claim(&mut self) {
        self.ends.is_busy = true;
        self.memory.get_mut().seat(self.seat).claim();
    }

    fn commit(&mut self, mut record: Record) {
        self.ends.is_busy = true;
        let fate = self.fate();
        self.ends.faults += u64::from(fate != Fate::Commit);
        self.ends.is_delayed |= matches!(fate, Fate::Delay(_));
        self.lose_row(&mut record);
        if self.sabotage == Sabotage::FenceIgnored
            && record.fence.activation < self.watch.last().activation
        {
            return self.smuggle(record);
        }
        if self.sabotage == Sabotage::CommitInvented && self.chance.hits(Sabotage::ODDS) {
            self.told.push_back(Completion::Committed { fence: record.fence });
            return;
        }
        self.memory.get_mut().script([fate]);
        self.memory.get_mut().seat(self.seat).commit(record);
    }

    fn barrier(&mut self, ticket: u64) {
        self.ends.is_busy = true;
        let delay = Duration::from_micros(self.chance.magnitude(100..=1_000_000));
        if self.chance.hits(self.faults.told_late) {
            self.ends.barriers.push((delay, ticket));
        } else {
            self.memory.get_mut().seat(self.seat).barrier(ticket);
        }
    }

    fn get(&self, key: &[u8]) -> Read<Option<Bytes>> {
        self.memory.borrow_mut().seat(self.seat).get(key)
    }

    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>> {
        self.memory.borrow_mut().seat(self.seat).scan(range)
    }

    fn fetch(&mut self, ticket: u64, want: Want) {
        self.ends.is_busy = true;
        if self.chance.hits(self.faults.told_late) {
            return self.read_early(ticket, |all| match want {
                Want::Row(key) => Fetched::Row(here(all.get(&key))),
                Want::Rows(range) => Fetched::Rows(here(all.scan(&range))),
            });
        }
        self.memory.get_mut().seat(self.seat).fetch(ticket, want);
    }

    fn poll(&mut self) -> Option<Completion> {
        if let Some(told) = self.told.pop_front() {
            return Some(told);
        }
        loop {
            let completion = self.memory.get_mut().seat(self.seat).poll()?;
            if let Completion::Claimed { activation, .. } = completion {
                self.watch.claimed(activation);
            }
            let delay = Duration::from_micros(self.chance.magnitude(100..=1_000_000));
            if !self.chance.hits(self.faults.told_late) {
                return Some(completion);
            }
            self.ends.faults += 1;
            self.ends.late.push((delay, completion));
        }
    }

    fn snapshot(&self) -> Snapshot<'_> {
        let memory = self.memory.borrow();
        let rows: Vec<_> = memory.rows().map(|(key, row)| (key.clone(), row.clone())).collect();
        Box::new(rows.into_iter())
    }
}

/// What a seat has that has everything in memory.
fn here<T>(read: Read<T>) -> T {
    match read {
        Read::Ready(rows) => rows,
        Read::Miss => unreachable!("everything is in memory"),
    }
}
