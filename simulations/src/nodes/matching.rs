//! Log matching: two logs of a group that have an entry of the same place and reign have the same one, and the same
//! ones before it.
//!
//! Of each place and reign it is remembered what the entry is and in which reign the one before it was proposed, as
//! the first log has it in which it is seen. All others are compared: what is before follows from place to place.

use std::collections::BTreeMap;

use bytes::Bytes;
use cluster::transport::NodeId;
use wal::GroupLog;

use super::laws::{Reign, reign_of};
use crate::finding::{Finding, Oracle};

/// Entries of a log that are compared again with each look, in case its end was cut off and written anew.
const AGAIN: u64 = 4;

/// Most bytes of a log that are read with one look. What is left is read with the next.
const READ_BYTES_MAX: usize = 256 << 10;

/// What logs had so far.
#[derive(Default)]
pub(super) struct Matching {
    links: BTreeMap<(u32, u64, Reign), Link>,
    /// Up to where the log of each node was compared.
    read: BTreeMap<(NodeId, u32), u64>,
}

/// An entry: a checksum of it, and in which reign the one before it was proposed, if that was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Link {
    sum: u32,
    before: Option<Reign>,
}

impl Matching {
    /// Compares what is new in the log of a node.
    ///
    /// # Errors
    ///
    /// An entry that differs from that of another log, or follows another one.
    pub(super) fn read(
        &mut self,
        (node, group): (NodeId, u32),
        log: &GroupLog,
    ) -> Result<(), Finding> {
        let Some((first, last)) = log.first_index().zip(log.last_index()) else { return Ok(()) };
        let read = self.read.get(&(node, group)).copied().unwrap_or(0).min(last);
        let from = read.saturating_sub(AGAIN).max(first);
        // What cannot be read is damaged, and judged elsewhere.
        let entries = log.read(from..last + 1, READ_BYTES_MAX).unwrap_or_default();
        let mut before = None;
        for (index, bytes) in entries {
            let Some(reign) = reign_of(&bytes) else { return Ok(()) };
            self.compare((group, index, reign), &bytes, before, node)?;
            before = Some(reign);
            self.read.insert((node, group), index);
        }
        Ok(())
    }

    fn compare(
        &mut self,
        place: (u32, u64, Reign),
        bytes: &Bytes,
        before: Option<Reign>,
        node: NodeId,
    ) -> Result<(), Finding> {
        let link = Link { sum: crc32c::crc32c(bytes), before };
        let known = self.links.entry(place).or_insert(link);
        let is_same = known.sum == link.sum
            && known.before.zip(before).is_none_or(|(known, before)| known == before);
        known.before = known.before.or(before);
        Oracle::Raft.checks(is_same, || {
            format!("the log of node {} has {link:?} at {place:?}, another one {known:?}", node.0)
        })
    }
}
