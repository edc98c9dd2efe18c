//! openraft's values as bytes, in the log and between nodes. All numbers are little-endian.

use std::collections::BTreeSet;
use std::{fmt, io};

use bytes::{Buf, BufMut, Bytes};
use openraft::impls::EmptyNode;
use openraft::{EntryPayload, LogId as RaftLogId};

use crate::proposal::{Entry, LeaderId, LogId, Members, Membership, Proposal, Vote};

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed(
    /// What was expected.
    pub &'static str,
);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for io::Error {
    fn from(malformed: Malformed) -> Self {
        Self::new(io::ErrorKind::InvalidData, malformed)
    }
}

type Result<T> = std::result::Result<T, Malformed>;

/// Most voters, learners and leavers of one group that are believed. Far above any real group.
const MEMBERS_MAX: u32 = 256;

const BLANK: u8 = 0;
const CLAIM: u8 = 1;
const RECORD: u8 = 2;
const MEMBERSHIP: u8 = 3;

pub(crate) fn put_vote(to: &mut impl BufMut, vote: &Vote) {
    put_leader(to, &vote.leader_id);
    to.put_u8(u8::from(vote.committed));
}

pub(crate) fn get_vote(from: &mut Bytes) -> Result<Vote> {
    let (leader_id, committed) = (get_leader(from)?, get_flag(from)?);
    Ok(Vote { leader_id, committed })
}

pub(crate) fn put_log_id(to: &mut impl BufMut, id: &LogId) {
    put_leader(to, id.committed_leader_id());
    to.put_u64_le(id.index());
}

pub(crate) fn get_log_id(from: &mut Bytes) -> Result<LogId> {
    let leader = get_leader(from)?;
    Ok(RaftLogId::new(leader, number(from)?))
}

pub(crate) fn put_option<T>(
    to: &mut Vec<u8>,
    value: Option<&T>,
    put: impl FnOnce(&mut Vec<u8>, &T),
) {
    to.put_u8(u8::from(value.is_some()));
    if let Some(value) = value {
        put(to, value);
    }
}

pub(crate) fn get_option<T>(
    from: &mut Bytes,
    get: impl FnOnce(&mut Bytes) -> Result<T>,
) -> Result<Option<T>> {
    if get_flag(from)? { get(from).map(Some) } else { Ok(None) }
}

fn put_leader(to: &mut impl BufMut, leader: &LeaderId) {
    to.put_u64_le(leader.term);
    to.put_u64_le(leader.node_id);
}

fn get_leader(from: &mut Bytes) -> Result<LeaderId> {
    let (term, node_id) = (number(from)?, number(from)?);
    Ok(LeaderId { term, node_id })
}

/// An entry without its index.
pub(crate) fn entry_bytes(entry: &Entry) -> Bytes {
    let mut to = Vec::with_capacity(32 + proposal_bytes(&entry.payload));
    put_leader(&mut to, entry.log_id.committed_leader_id());
    put_payload(&mut to, &entry.payload);
    to.into()
}

/// The entry at `index`; what it carries is a part of `bytes`, not a copy.
pub(crate) fn entry(index: u64, mut bytes: Bytes) -> Result<Entry> {
    let leader = get_leader(&mut bytes)?;
    let payload = get_payload(&mut bytes)?;
    finish(&bytes)?;
    Ok(Entry { log_id: RaftLogId::new(leader, index), payload })
}

/// The leader's part of an entry's log id, without decoding the rest.
pub(crate) fn entry_log_id(index: u64, mut bytes: Bytes) -> Result<LogId> {
    Ok(RaftLogId::new(get_leader(&mut bytes)?, index))
}

fn proposal_bytes(payload: &EntryPayload<Proposal, u64, EmptyNode>) -> usize {
    match payload {
        EntryPayload::Normal(Proposal::Record(bytes)) => bytes.len(),
        EntryPayload::Blank | EntryPayload::Normal(_) | EntryPayload::Membership(_) => 0,
    }
}

fn put_payload(to: &mut Vec<u8>, payload: &EntryPayload<Proposal, u64, EmptyNode>) {
    match payload {
        EntryPayload::Blank => to.put_u8(BLANK),
        EntryPayload::Normal(Proposal::Claim) => to.put_u8(CLAIM),
        EntryPayload::Normal(Proposal::Record(bytes)) => {
            to.put_u8(RECORD);
            to.put_slice(bytes);
        }
        EntryPayload::Membership(members) => {
            to.put_u8(MEMBERSHIP);
            put_members(to, members);
        }
    }
}

fn get_payload(from: &mut Bytes) -> Result<EntryPayload<Proposal, u64, EmptyNode>> {
    Ok(match byte(from)? {
        BLANK => EntryPayload::Blank,
        CLAIM => EntryPayload::Normal(Proposal::Claim),
        RECORD => EntryPayload::Normal(Proposal::Record(from.split_off(0))),
        MEMBERSHIP => EntryPayload::Membership(get_members(from)?),
        _ => return Err(Malformed("entry: of a later release?")),
    })
}

pub(crate) fn put_membership(to: &mut Vec<u8>, membership: &Membership) {
    put_option(to, membership.log_id().as_ref(), put_log_id);
    put_members(to, membership.membership());
}

pub(crate) fn get_membership(from: &mut Bytes) -> Result<Membership> {
    let log_id = get_option(from, get_log_id)?;
    Ok(Membership::new(log_id, get_members(from)?))
}

fn put_members(to: &mut Vec<u8>, members: &Members) {
    put_count(to, members.get_joint_config().len());
    for voters in members.get_joint_config() {
        put_ids(to, voters.len(), voters.iter());
    }
    put_ids(to, members.nodes().count(), members.nodes().map(|(id, _)| id));
}

fn get_members(from: &mut Bytes) -> Result<Members> {
    let configs: Result<Vec<_>> = (0..count(from)?).map(|_| get_ids(from)).collect();
    let (configs, nodes) = (configs?, get_ids(from)?);
    if configs.is_empty() && nodes.is_empty() {
        return Ok(Members::default());
    }
    let nodes: BTreeSet<u64> = nodes.into_iter().collect();
    Members::new(configs, nodes).map_err(|_error| Malformed("membership"))
}

fn put_ids<'a>(to: &mut Vec<u8>, count: usize, ids: impl Iterator<Item = &'a u64>) {
    put_count(to, count);
    ids.for_each(|id| to.put_u64_le(*id));
}

/// They rise: a set has one form.
fn get_ids(from: &mut Bytes) -> Result<BTreeSet<u64>> {
    let mut ids = BTreeSet::new();
    for _ in 0..count(from)? {
        let id = number(from)?;
        if ids.last().is_some_and(|last| *last >= id) {
            return Err(Malformed("members: not in order"));
        }
        ids.insert(id);
    }
    Ok(ids)
}

fn put_count(to: &mut Vec<u8>, count: usize) {
    to.put_u32_le(u32::try_from(count).expect("a few members"));
}

fn count(from: &mut Bytes) -> Result<u32> {
    let count = from.try_get_u32_le().map_err(|_short| Malformed("count: cut short"))?;
    if count > MEMBERS_MAX {
        Err(Malformed("count: more members than there can be"))
    } else {
        Ok(count)
    }
}

pub(crate) fn number(from: &mut Bytes) -> Result<u64> {
    from.try_get_u64_le().map_err(|_short| Malformed("number: cut short"))
}

pub(crate) fn byte(from: &mut Bytes) -> Result<u8> {
    from.try_get_u8().map_err(|_short| Malformed("byte: cut short"))
}

pub(crate) fn get_flag(from: &mut Bytes) -> Result<bool> {
    match byte(from)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed("flag")),
    }
}

/// A length and so many bytes.
pub(crate) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.put_u32_le(u32::try_from(bytes.len()).expect("bounded by the limits of records and rows"));
    to.put_slice(bytes);
}

pub(crate) fn get_bytes(from: &mut Bytes) -> Result<Bytes> {
    let length = from.try_get_u32_le().map_err(|_short| Malformed("length: cut short"))?;
    let length = usize::try_from(length).map_err(|_large| Malformed("length"))?;
    if length > from.len() { Err(Malformed("bytes: cut short")) } else { Ok(from.split_to(length)) }
}

/// Nothing may be left.
pub(crate) fn finish(rest: &Bytes) -> Result<()> {
    if rest.is_empty() { Ok(()) } else { Err(Malformed("end: bytes are left")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let id = |index| RaftLogId::new(LeaderId { term: 3, node_id: 1 << 32 }, index);
        let nodes: BTreeSet<u64> = (1..=4).collect();
        let joint = vec![BTreeSet::from([1, 2]), BTreeSet::from([2, 3])];
        let members = Members::new(joint, nodes).unwrap();
        let payloads = [
            EntryPayload::Blank,
            EntryPayload::Normal(Proposal::Claim),
            EntryPayload::Normal(Proposal::Record(Bytes::from_static(b"record"))),
            EntryPayload::Membership(members),
        ];
        let at = |(index, payload)| Entry { log_id: id(index), payload };
        (0..).zip(payloads).map(at).collect()
    }

    #[test]
    fn entries_come_back() {
        for it in entries() {
            let bytes = entry_bytes(&it);
            let index = it.log_id.index();
            assert_eq!(entry_log_id(index, bytes.clone()), Ok(it.log_id));
            assert_eq!(entry(index, bytes), Ok(it));
        }
    }

    #[test]
    fn bytes_cut_short_are_refused() {
        for it in entries() {
            let bytes = entry_bytes(&it);
            let is_record = matches!(it.payload, EntryPayload::Normal(Proposal::Record(_)));
            let shortest = if is_record { 17 } else { bytes.len() };
            for length in 0..shortest {
                assert!(entry(0, bytes.slice(..length)).is_err(), "{length} of {it}");
            }
        }
    }

    #[test]
    fn whatever_comes_is_an_entry_or_refused() {
        fuzz::target("raft-entry").seeds(entries().iter().map(entry_bytes)).run(|bytes| {
            let bytes = Bytes::copy_from_slice(bytes);
            if let Ok(found) = entry(7, bytes.clone()) {
                assert_eq!(entry_log_id(7, bytes.clone()), Ok(found.log_id));
                assert_eq!(entry_bytes(&found), bytes);
            }
        });
    }

    #[test]
    fn memberships_come_back() {
        let EntryPayload::Membership(members) = entries().remove(3).payload else { unreachable!() };
        for membership in [Membership::default(), Membership::new(None, members)] {
            let mut bytes = Vec::new();
            put_membership(&mut bytes, &membership);
            assert_eq!(get_membership(&mut bytes.into()), Ok(membership));
        }
    }
}
