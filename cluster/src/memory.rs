//! A ledger in memory: nothing survives the process, and the script decides what goes wrong.
//!
//! One [`MemoryShard`] is the shard; each node that works on it has a [`Seat`]. Entries take their
//! place in the log when they are handed over, and are applied in this order.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use entity::Time;
use entity::limits::RECORD_BYTES_MAX;
use entity::transaction::{Order, Range, Read, Want};

use crate::ledger::{Completion, Fetched, Ledger, Snapshot};
use crate::record::{Fence, Record};

/// What happens to a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It commits at once.
    Commit,
    /// It commits after so many calls of [`MemoryShard::advance`]; so does whatever follows it.
    Delay(u32),
    /// It commits, but its sender is told that this is unknown.
    CommitUnknown,
    /// It does not commit, and its sender is told that this is unknown.
    DropUnknown,
    /// Somebody else claims the shard just before.
    Rival,
}

/// How reads behave.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reads {
    /// Everything is in memory.
    #[default]
    Warm,
    /// Nothing is in memory: all has to be fetched.
    Cold,
}

/// In which order several completions of one seat are told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Telling {
    /// As they come.
    #[default]
    InOrder,
    /// The latest first.
    Reversed,
}

/// The state of one shard.
#[derive(Debug, Default)]
pub struct MemoryShard {
    rows: BTreeMap<Bytes, Bytes>,
    /// Entries applied so far: the place of the next one in the log.
    applied: u64,
    current: Fence,
    time: Time,
    log: VecDeque<Entry>,
    script: VecDeque<Fate>,
    seats: BTreeMap<u32, SeatState>,
    /// How long a fetch takes, in calls of [`MemoryShard::advance`].
    fetch_delay: u32,
    /// How reads behave.
    pub reads: Reads,
    /// How completions are told.
    pub telling: Telling,
    /// Every record applied, newest last, when [`MemoryShard::keep_history`] was called.
    history: Option<Vec<Record>>,
}

#[derive(Debug, Default)]
struct SeatState {
    activation: u64,
    completions: VecDeque<Completion>,
}

#[derive(Debug)]
struct Entry {
    seat: u32,
    delay: u32,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Claim,
    Record(Record, Fate),
    Barrier { ticket: u64, activation: u64 },
    Fetch { ticket: u64, want: Want },
}

impl MemoryShard {
    /// A shard that nobody has written to.
    pub fn new() -> Self {
        Self::default()
    }

    /// The fates of the next records; later ones commit.
    pub fn script(&mut self, fates: impl IntoIterator<Item = Fate>) {
        self.script.extend(fates);
    }

    /// How long each fetch takes from now on, in calls of [`MemoryShard::advance`].
    pub fn delay_fetches(&mut self, delay: u32) {
        self.fetch_delay = delay;
    }

    /// Keeps every record from now on.
    pub fn keep_history(&mut self) {
        self.history.get_or_insert_default();
    }

    /// The records kept, oldest first, and forgets them.
    pub fn take_history(&mut self) -> Vec<Record> {
        self.history.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The shard as one node sees it. A node that restarts takes a seat with a new number.
    pub fn seat(&mut self, number: u32) -> Seat<'_> {
        self.seats.entry(number).or_default();
        Seat { shard: self, number }
    }

    /// What a seat has handed over and is not applied yet is lost on the way.
    pub fn drop_pending(&mut self, seat: u32) {
        self.log.retain(|entry| entry.seat != seat);
        self.apply_due();
    }

    /// Lets a moment pass for what is delayed. Yields whether something still is.
    pub fn advance(&mut self) -> bool {
        if let Some(first) = self.log.front_mut() {
            first.delay = first.delay.saturating_sub(1);
        }
        self.apply_due();
        !self.log.is_empty()
    }

    /// Flips a bit in rows, as a bad disk would.
    pub fn damage(&mut self, which: impl Fn(&[u8]) -> bool) {
        for (_, row) in self.rows.iter_mut().filter(|(key, _)| which(key)) {
            let mut damaged = row.to_vec();
            if let Some(first) = damaged.first_mut() {
                *first ^= 0x80;
            }
            *row = damaged.into();
        }
    }

    /// Every committed row, in the order of keys.
    pub fn rows(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.rows.iter()
    }

    /// Time of the last record.
    pub fn time(&self) -> Time {
        self.time
    }

    fn enqueue(&mut self, seat: u32, delay: u32, content: Content) {
        self.log.push_back(Entry { seat, delay, content });
        self.apply_due();
    }

    fn apply_due(&mut self) {
        while self.log.front().is_some_and(|first| first.delay == 0) {
            let entry = self.log.pop_front().expect("just seen");
            let completion = self.apply(entry.seat, entry.content);
            self.tell(entry.seat, completion);
        }
    }

    fn apply(&mut self, seat: u32, content: Content) -> Completion {
        match content {
            Content::Claim => {
                let activation = self.begin_activation();
                self.seats.entry(seat).or_default().activation = activation;
                Completion::Claimed { activation, time: self.time }
            }
            Content::Record(record, fate) => self.apply_record(record, fate),
            Content::Barrier { ticket, activation } => {
                let holds = self.current.activation == activation;
                Completion::Barrier { ticket, holds }
            }
            Content::Fetch { ticket, want } => {
                let rows = match want {
                    Want::Row(key) => Fetched::Row(self.rows.get(&key[..]).cloned()),
                    Want::Rows(range) => Fetched::Rows(self.range(&range)),
                };
                Completion::Fetched { ticket, rows }
            }
        }
    }

    fn begin_activation(&mut self) -> u64 {
        self.applied += 1;
        self.current = Fence { activation: self.applied, sequence: 0 };
        self.applied
    }

    fn apply_record(&mut self, record: Record, fate: Fate) -> Completion {
        let fence = record.fence;
        if fate == Fate::Rival {
            self.begin_activation();
        }
        if fate == Fate::DropUnknown {
            return Completion::Unknown { fence };
        }
        let next = Fence { sequence: self.current.sequence + 1, ..self.current };
        if record.fence != next {
            return Completion::Lost { fence };
        }
        assert!(record.time > self.time, "record times rise");
        self.applied += 1;
        self.current = next;
        self.time = record.time;
        if let Some(history) = &mut self.history {
            history.push(record.clone());
        }
        for write in record.writes {
            match write.value {
                Some(value) => self.rows.insert(write.key, value),
                None => self.rows.remove(&write.key),
            };
        }
        match fate {
            Fate::CommitUnknown => Completion::Unknown { fence },
            Fate::Commit | Fate::Delay(_) | Fate::DropUnknown | Fate::Rival => {
                Completion::Committed { fence }
            }
        }
    }

    fn tell(&mut self, seat: u32, completion: Completion) {
        let completions = &mut self.seats.entry(seat).or_default().completions;
        match self.telling {
            Telling::InOrder => completions.push_back(completion),
            Telling::Reversed => completions.push_front(completion),
        }
    }

    fn range(&self, range: &Range) -> Vec<(Bytes, Bytes)> {
        if range.from >= range.to {
            return Vec::new();
        }
        let bounds =
            (std::ops::Bound::Included(&range.from[..]), std::ops::Bound::Excluded(&range.to[..]));
        let rows = self.rows.range::<[u8], _>(bounds).map(|(key, row)| (key.clone(), row.clone()));
        match range.order {
            Order::Up => rows.take(range.limit).collect(),
            Order::Down => rows.rev().take(range.limit).collect(),
        }
    }
}

/// A [`MemoryShard`] as one node sees it.
#[derive(Debug)]
pub struct Seat<'a> {
    shard: &'a mut MemoryShard,
    number: u32,
}

impl Ledger for Seat<'_> {
    fn claim(&mut self) {
        self.shard.enqueue(self.number, 0, Content::Claim);
    }

    fn commit(&mut self, record: Record) {
        let bytes = record.bytes();
        assert!(bytes <= RECORD_BYTES_MAX, "a record of {bytes} bytes");
        let fate = self.shard.script.pop_front().unwrap_or(Fate::Commit);
        let delay = if let Fate::Delay(delay) = fate { delay } else { 0 };
        self.shard.enqueue(self.number, delay, Content::Record(record, fate));
    }

    fn barrier(&mut self, ticket: u64) {
        let activation = self.shard.seats[&self.number].activation;
        self.shard.enqueue(self.number, 0, Content::Barrier { ticket, activation });
    }

    fn get(&self, key: &[u8]) -> Read<Option<Bytes>> {
        match self.shard.reads {
            Reads::Warm => Read::Ready(self.shard.rows.get(key).cloned()),
            Reads::Cold => Read::Miss,
        }
    }

    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>> {
        match self.shard.reads {
            Reads::Warm => Read::Ready(self.shard.range(range)),
            Reads::Cold => Read::Miss,
        }
    }

    fn fetch(&mut self, ticket: u64, want: Want) {
        let delay = self.shard.fetch_delay;
        self.shard.enqueue(self.number, delay, Content::Fetch { ticket, want });
    }

    fn poll(&mut self) -> Option<Completion> {
        self.shard.seats.get_mut(&self.number)?.completions.pop_front()
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Box::new(self.shard.rows.iter().map(|(key, row)| (key.clone(), row.clone())))
    }
}
