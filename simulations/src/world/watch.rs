//! What must be true of every record.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use cluster::envelope::DeadLetter;
use cluster::record::{Fence, Record, Write};
use cluster::slots::ShardId;
use cluster::storage::{self, Class};
use entity::limits::RECORD_BYTES_MAX;
use entity::{Data, Kind, Time, data};

use crate::finding::{Finding, Oracle};
use crate::workloads::letters::Listeners;

/// Names a command of a gateway: sender, number.
pub type CommandName = (u64, u64);

/// What is known of the records of a shard.
#[derive(Debug, Default)]
pub struct Watch {
    last: Fence,
    time: Time,
    /// Which activation executed each command.
    executed: BTreeMap<CommandName, u64>,
    /// Rows of replies under an `Idempotency-Key`: none is used again within a day.
    keys: BTreeSet<Bytes>,
    /// Of which commands activations said that nothing had happened.
    disclaimed: BTreeSet<(CommandName, u64)>,
    /// Number of the last envelope to each shard.
    sent: BTreeMap<ShardId, u64>,
    /// When each envelope was sent: receiver, number.
    sent_at: BTreeMap<(ShardId, u64), Time>,
    /// Envelopes that records handled, at least in part, since somebody asked.
    arrivals: Vec<Arrival>,
    /// How far the link from each shard has been handled.
    handled: BTreeMap<ShardId, LinkIn>,
}

/// A record that handles an envelope, at least in part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// The sender.
    pub from: ShardId,
    /// Number of the envelope.
    pub number: u64,
    /// Time of the record.
    pub at: Time,
}

/// The layout of a [`Class::LinkIn`].
#[data]
#[derive(Copy, Ord, PartialOrd)]
struct LinkIn {
    handled: u64,
    messages: u64,
}

impl Watch {
    /// The newest fence.
    pub fn last(&self) -> Fence {
        self.last
    }

    /// How many commands have been executed.
    pub fn executed(&self) -> usize {
        self.executed.len()
    }

    /// Whether a reply under an `Idempotency-Key` has been stored, by the key of its row.
    pub fn has_reply(&self, key: &Bytes) -> bool {
        self.keys.contains(key)
    }

    /// A new activation has begun.
    pub fn claimed(&mut self, activation: u64) {
        self.last = self.last.max(Fence { activation, sequence: 0 });
    }

    /// Which envelopes were handled since the last call.
    pub fn take_arrivals(&mut self) -> Vec<Arrival> {
        std::mem::take(&mut self.arrivals)
    }

    /// When an envelope was sent.
    pub fn sent_at(&self, to: ShardId, number: u64) -> Option<Time> {
        self.sent_at.get(&(to, number)).copied()
    }

    /// Takes a record in.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn record(&mut self, record: &Record) -> Result<(), Finding> {
        let Record { fence, time, writes } = record;
        let is_next = if fence.activation == self.last.activation {
            fence.sequence == self.last.sequence + 1
        } else {
            fence.activation > self.last.activation && fence.sequence == 1
        };
        Oracle::Order.checks(is_next, || format!("{fence:?} follows {:?}", self.last))?;
        Oracle::Order.checks(*time > self.time, || format!("{fence:?}: its time does not rise"))?;
        let bytes = record.bytes();
        Oracle::Order
            .checks(bytes <= RECORD_BYTES_MAX, || format!("{fence:?} has {bytes} bytes"))?;
        (self.last, self.time) = (*fence, *time);
        writes.iter().try_for_each(|write| self.write(*fence, write))
    }

    /// An activation told a client that a command, which it got once, had no effect.
    ///
    /// # Errors
    ///
    /// When it had.
    pub fn disclaim(&mut self, name: CommandName, activation: u64) -> Result<(), Finding> {
        self.disclaimed.insert((name, activation));
        let executed = self.executed.get(&name) == Some(&activation);
        Oracle::Once
            .checks(!executed, || format!("command {name:?} was executed and then disclaimed"))
    }

    /// An activation got a command again: what it said of it no longer counts.
    pub fn retract(&mut self, name: CommandName, activation: u64) {
        self.disclaimed.remove(&(name, activation));
    }

    fn write(&mut self, fence: Fence, write: &Write) -> Result<(), Finding> {
        let (key, Some(value)) = (&write.key, &write.value) else { return Ok(()) };
        let class = storage::class_of(key);
        let is = |it: Class| class == Some(it as u8);
        if is(Class::ReplyInside) {
            let (_, name) = storage::reply_inside_of(key).ok_or_else(|| unreadable(key))?;
            self.execute(name, fence.activation)
        } else if is(Class::ReplyOutside) {
            let is_new = self.keys.insert(key.clone());
            Oracle::Once
                .checks(is_new, || format!("a command under a key was executed twice: {key:02x?}"))
        } else if is(Class::Outbox) {
            let (to, number) = storage::outbox_of(key).ok_or_else(|| unreadable(key))?;
            self.sent_at.insert((to, number), self.time);
            let last = self.sent.insert(to, number).unwrap_or(0);
            Oracle::Links.checks(number == last + 1, || {
                format!("envelope {number} to shard {} follows {last}", to.0)
            })
        } else if is(Class::LinkIn) {
            let from = storage::link_of(key).ok_or_else(|| unreadable(key))?;
            let position = LinkIn::decode(value).or(Err(unreadable(key)))?;
            let number = position.handled + u64::from(position.messages > 0);
            self.arrivals.push(Arrival { from, number, at: self.time });
            let before = self.handled.insert(from, position);
            let rises = before.is_none_or(|before| before < position);
            Oracle::Links.checks(rises, || {
                format!("the link from shard {} goes back to {position:?}", from.0)
            })
        } else if is(Class::DeadLetter) {
            let letter = DeadLetter::decode(value).or(Err(unreadable(key)))?;
            // Of these some are expected; the workload counts them.
            let is_expected = letter.to.kind == Listeners::TAG;
            Oracle::Letters.checks(is_expected, || format!("a dead letter: {letter:?}"))
        } else {
            Ok(())
        }
    }

    fn execute(&mut self, name: CommandName, activation: u64) -> Result<(), Finding> {
        let before = self.executed.insert(name, activation);
        Oracle::Once.checks(before.is_none(), || format!("command {name:?} was executed twice"))?;
        let disclaimed = self.disclaimed.contains(&(name, activation));
        Oracle::Once
            .checks(!disclaimed, || format!("command {name:?} was disclaimed and then executed"))
    }
}

fn unreadable(key: &Bytes) -> Finding {
    Oracle::Order.finds(format!("a row that nobody can read: {key:02x?}"))
}
