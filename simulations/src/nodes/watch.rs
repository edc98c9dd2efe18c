//! What must be true of every entry that any replica applies.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use cluster::record::Fence;
use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use raft::machine::{Changed, Step};
use raft::proposal::Verdict;

use crate::chance::Chance;
use crate::finding::{Finding, Oracle};
use crate::world::watch::Watch;

/// Sees everything, decides nothing.
#[derive(Default)]
pub struct Witness {
    groups: BTreeMap<u32, History>,
    /// The first thing that was wrong.
    pub violation: Option<Finding>,
    /// How much was applied.
    pub applied: u64,
}

#[derive(Default)]
struct History {
    /// What the first replica found at each index.
    seen: BTreeMap<u64, Seen>,
    watch: Watch,
    /// The last records, encoded.
    records: VecDeque<Bytes>,
}

/// Records of a shard that are kept to be proposed again.
const RECORDS_MAX: usize = 32;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Seen {
    verdict: Verdict,
    fence: Fence,
    checksum: u32,
}

impl Witness {
    /// A replica has applied something.
    pub fn changed(&mut self, node: NodeId, changed: &Changed<'_>) {
        for step in changed.steps.unwrap_or_default() {
            self.applied += 1;
            if let Err(what) = self.step(node, changed.group, step) {
                self.blame(what);
            }
        }
    }

    /// Something is wrong.
    pub fn blame(&mut self, finding: Finding) {
        self.violation.get_or_insert(finding);
    }

    fn step(&mut self, node: NodeId, group: u32, step: &Step) -> Result<(), Finding> {
        let history = self.groups.entry(group).or_default();
        let seen = Seen::of(step);
        if let Some(first) = history.seen.get(&step.index) {
            return if *first == seen {
                Ok(())
            } else {
                Err(Oracle::Agreement.finds(format!(
                    "group {group} index {}: node {} applied {seen:?}, another one {first:?}",
                    step.index, node.0
                )))
            };
        }
        let last = history.seen.last_key_value().map(|(index, _)| *index);
        if last.is_some_and(|last| step.index != last + 1) {
            let what = format!("group {group}: index {} follows {last:?}", step.index);
            return Err(Oracle::Agreement.finds(what));
        }
        history.seen.insert(step.index, seen);
        match (&step.record, step.verdict) {
            (Some(record), _) => {
                let in_group =
                    |it: Finding| it.oracle.finds(it.wrong.of(&format!("group {group}")));
                history.watch.record(record).map_err(in_group)?;
                history.records.truncate(RECORDS_MAX - 1);
                history.records.push_front(record.encode().into());
            }
            (None, Verdict::Claimed) => history.watch.claimed(step.index),
            (None, _) => {}
        }
        self.arrivals(group)
    }

    /// An envelope is handled later than it was sent, by the clocks of the shards.
    fn arrivals(&mut self, group: u32) -> Result<(), Finding> {
        if group == META.0 {
            return Ok(());
        }
        let arrivals = self.groups.get_mut(&group).map(|it| it.watch.take_arrivals());
        for arrival in arrivals.unwrap_or_default() {
            let sender = self.groups.get(&arrival.from.0);
            let sent = sender.and_then(|it| it.watch.sent_at(ShardId(group), arrival.number));
            if sent.is_none_or(|sent| sent >= arrival.at) {
                let what = format!("{arrival:?} at shard {group} is not later than {sent:?}");
                return Err(Oracle::Links.finds(what));
            }
        }
        Ok(())
    }

    /// A client was told what came of a command under a key: it was durable by then.
    pub fn told(&mut self, shard: ShardId, key: &Bytes) {
        let is_durable = self.groups.get(&shard.0).is_some_and(|it| it.watch.has_reply(key));
        if !is_durable {
            let what = format!("shard {} told what it had not stored: {key:02x?}", shard.0);
            self.blame(Oracle::Durability.finds(what));
        }
    }

    /// One of the last records of a shard.
    pub fn any_record(&self, shard: ShardId, chance: &mut Chance) -> Option<Bytes> {
        let records = &self.groups.get(&shard.0)?.records;
        let place = chance.below(records.len().max(1) as u64);
        records.get(usize::try_from(place).expect("a few")).cloned()
    }

    /// How many commands under names of nodes were executed.
    pub fn executed(&self) -> usize {
        self.groups.values().map(|it| it.watch.executed()).sum()
    }
}

impl Seen {
    fn of(step: &Step) -> Self {
        let record = step.record.as_ref();
        let fence = record.map(|it| it.fence).unwrap_or_default();
        let checksum = record.map_or(0, |it| crc32c::crc32c(&it.encode()));
        Self { verdict: step.verdict, fence, checksum }
    }
}
