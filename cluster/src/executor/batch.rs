//! The open record, and those in flight.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use entity::Time;

use super::knobs::Knobs;
use crate::envelope::Parcel;
use crate::record::Write;
use crate::slots::ShardId;
use crate::stream::{Mark, Publication};

/// What the commands since the last record did.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Rows in the order of writing.
    pub(super) writes: Vec<Write>,
    /// Messages by receiving shard, in the order of sending.
    pub(super) parcels: BTreeMap<ShardId, Vec<Parcel>>,
    /// Stream items that followers get once the record has committed.
    pub(super) publications: Vec<Publication>,
    /// Entities that have changed, if anybody wants to know.
    pub(super) changed: Vec<Mark>,
    /// How many commands had an effect.
    pub(super) commands: usize,
    /// What it takes in a record, in bytes, roughly.
    pub(super) bytes: usize,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.commands == 0
    }

    /// Adds a row, and yields where it is.
    pub(super) fn write(&mut self, key: Bytes, value: Option<Bytes>) -> usize {
        let write = Write { key, value };
        self.bytes += write.bytes();
        self.writes.push(write);
        self.writes.len() - 1
    }

    /// Replaces the value of a row added before.
    pub(super) fn rewrite(&mut self, index: usize, value: Bytes) {
        let write = &mut self.writes[index];
        self.bytes -= write.bytes();
        write.value = Some(value);
        self.bytes += write.bytes();
    }

    /// Adds a message.
    pub(super) fn send(&mut self, to: ShardId, parcel: Parcel) {
        /// Lengths, tags and the sender's address.
        const OVERHEAD_BYTES: usize = 64;
        let targets: usize = parcel.targets.iter().map(|target| target.len() + 8).sum();
        let refused = parcel.refused.as_ref().map_or(0, |refused| refused.body.len());
        self.bytes +=
            OVERHEAD_BYTES + parcel.from.key.len() + parcel.body.len() + targets + refused;
        self.parcels.entry(to).or_default().push(parcel);
    }
}

/// Records proposed and not yet known to have committed.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// Number of the last record proposed.
    pub(super) proposed: u64,
    /// Number of the last record known to have committed.
    pub(super) committed: u64,
    /// When the last one left, and with how many commands.
    last: (Time, usize),
    records: VecDeque<InFlight>,
}

/// What waits for a record to commit.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) sequence: u64,
    pub(super) publications: Vec<Publication>,
    pub(super) changed: Vec<Mark>,
    /// Envelopes that may leave: receiver, number.
    pub(super) sent: Vec<(ShardId, u64)>,
    /// Links handled further: sender, number of the last whole envelope.
    pub(super) handled: Vec<(ShardId, u64)>,
}

impl Flight {
    /// How many records are in flight.
    pub(super) fn count(&self) -> u64 {
        self.proposed - self.committed
    }

    /// A record leaves now, with so many commands.
    pub(super) fn push(&mut self, record: InFlight, now: Time, commands: usize) {
        self.proposed = record.sequence;
        self.last = (now, commands);
        self.records.push_back(record);
    }

    /// Until when a small record waits for company, if it does. A clock that was set back ends that.
    pub(super) fn gathers_until(&self, now: Time, knobs: &Knobs) -> Option<Time> {
        let ((left, commands), pace) = (self.last, knobs.record_pace);
        let waits = commands >= knobs.record_company && left <= now && now.since(left) < pace;
        waits.then(|| left + pace)
    }

    /// Takes out what has committed. Records commit in sequence, so one completion speaks for all
    /// before it.
    pub(super) fn committed(&mut self, sequence: u64) -> impl Iterator<Item = InFlight> {
        self.committed = self.committed.max(sequence);
        let count = self.records.partition_point(|record| record.sequence <= sequence);
        self.records.drain(..count)
    }
}
