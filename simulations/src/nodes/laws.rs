//! The laws of Raft, looked at from outside while everything happens:
//!
//! | law                 | says                                                                     |
//! |---------------------|--------------------------------------------------------------------------|
//! | leader completeness | who begins to lead has every entry that was committed                    |
//! | log matching        | logs with an entry of one place and reign are the same up to there: `matching`             |
//! | committed on quorum | an entry that was applied is in the logs of a quorum, and the same there |
//! | order               | purged, snapshot, applied, committed and last do not overtake each other |
//! | no way back         | term, vote and applied of a member that runs do not fall, committed not unless its group begins again |
//! | no word broken      | who begins again has what it said it had and the vote that it gave, and reads it as it was written |
//! | nobody who is gone  | no voter of the last leader has left and forgotten everything            |
//! | chain of members    | a change goes through both sets of voters, one change at a time          |
//!
//! State machine safety, and that what is committed never changes, is seen entry by entry in
//! [`super::watch`]; that equal histories make equal rows, in [`super::ending`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use entity::Key;
use raft::group::{Ballot, Group, Status};
use raft::home::Moment;
use raft::machine::Step;
use raft::proposal::Member;
use wal::{Appender, GroupLog};

use super::cluster::World;
use super::machine::Weak;
use super::matching::Matching;
use crate::finding::{Finding, Oracle};

/// Names a reign: its term and who leads. In one term there may be several, one after the other.
pub(super) type Reign = (u64, u64);

/// An entry begins with who proposed it, and in which term. So does a vote with whom it is for.
pub(super) const REIGN_BYTES: usize = 16;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(50);

/// What was seen so far.
#[derive(Default)]
pub struct Laws {
    looked: Duration,
    /// How often members were looked at.
    looks: u64,
    /// The logs of all nodes: of those that are off, as they were.
    logs: BTreeMap<NodeId, (Appender, u64)>,
    /// The reigns that were seen.
    reigns: BTreeSet<(u32, Reign)>,
    /// How far each group was applied anywhere.
    fronts: BTreeMap<u32, u64>,
    /// The last entry of each group that was applied anywhere.
    committed: BTreeMap<u32, Entry>,
    /// Entries that were applied, as bytes.
    entries: BTreeMap<(u32, u64), Bytes>,
    /// Up to where each member has said that it has everything that was committed.
    said: BTreeMap<(u32, Member), u64>,
    /// The last vote that each member has stored.
    votes: BTreeMap<(u32, Member), Ballot>,
    matching: Matching,
    /// Nodes whose log was broken where it ends.
    forgetful: BTreeSet<NodeId>,
    /// How far each member was, in this life of its node.
    members: BTreeMap<(NodeId, u32), Progress>,
    /// The voters of each group, as applied, by the entry from which on they are: two sets in the middle of
    /// a change.
    voters: BTreeMap<u32, BTreeMap<u64, Vec<BTreeSet<Member>>>>,
    /// The last term in which somebody led each group.
    terms: BTreeMap<u32, u64>,
    lives: u64,
}

/// An entry that was applied: its place, who proposed it, and a checksum of its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Entry {
    index: u64,
    reign: Reign,
    sum: u32,
}

/// A node has applied a group up to an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Applied {
    /// The node.
    pub node: NodeId,
    /// The group.
    pub group: u32,
    /// The entry.
    pub index: u64,
    /// In which reign it was proposed; none when a snapshot was installed.
    pub reign: Option<Reign>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Progress {
    member: Member,
    life: u64,
    began: Moment,
    term: u64,
    committed: u64,
    applied: u64,
}

impl Laws {
    /// A node has begun with a log, and rows up to an entry of each group.
    ///
    /// # Errors
    ///
    /// What it lacks, or reads otherwise, although it had said that it had it.
    pub fn began(
        &mut self,
        node: NodeId,
        log: Appender,
        applied: impl Fn(u32) -> u64,
    ) -> Result<(), Finding> {
        let judged = self.remember(node, &log, applied);
        self.lives += 1;
        self.logs.insert(node, (log, self.lives));
        judged
    }

    /// Where a machine that is off can be hurt without others having to do without it already.
    pub fn weak(&self, node: NodeId) -> Weak {
        let is_spare = self.committed.iter().all(|(group, entry)| {
            let voters = self.voters_at(*group, u64::MAX).unwrap_or_default();
            let mut others = voters.iter().flatten().filter(|it| it.node != node.0);
            others.all(|it| self.may_have(*it, *group, *entry))
        });
        let log = self.logs.get(&node).map(|(log, _)| log);
        let is_purged = |group: &&u32| log.is_some_and(|it| it.group(**group).purged().is_some());
        Weak { is_spare, purged: self.committed.keys().find(is_purged).copied() }
    }

    /// The log of a node was broken where it ends: what was written last may be taken for what the disk has
    /// not finished, and nobody can tell. One node may have that, and all others have what it had.
    pub fn forgets(&mut self, node: NodeId) {
        self.said.retain(|(_, member), _| member.node != node.0);
        self.votes.retain(|(_, member), _| member.node != node.0);
        self.forgetful.insert(node);
    }

    /// What leaders believe of a node that has forgotten may be from before: only what it has counts.
    fn has(&self, member: Member, group: u32, index: u64) -> bool {
        let node = NodeId(member.node);
        let has = |(log, _): &(Appender, u64)| {
            let log = log.group(group);
            log.last_index().max(log.purged().map(|(index, _)| index)) >= Some(index)
        };
        !self.forgetful.contains(&node) || self.logs.get(&node).is_some_and(has)
    }

    fn remember(
        &self,
        node: NodeId,
        log: &Appender,
        applied: impl Fn(u32) -> u64,
    ) -> Result<(), Finding> {
        let is_its = |log: &GroupLog, member: &Member| {
            member.node == node.0 && log.damage().is_none() && owner(log) == Some(*member)
        };
        for ((group, member), vote) in &self.votes {
            let log = log.group(*group);
            let stored = log.vote().as_ref().and_then(ballot_of).unwrap_or_default();
            Oracle::Raft.checks(!is_its(&log, member) || stored >= *vote, || {
                format!("{member:?} of group {group} had voted {vote:?}, and has {stored:?}")
            })?;
        }
        for ((group, member), said) in &self.said {
            let log = log.group(*group);
            if !is_its(&log, member) {
                continue;
            }
            let purged = log.purged().map(|(index, _)| index);
            let last = log.last_index().max(purged).unwrap_or(0).max(applied(*group));
            Oracle::Raft.checks(last >= *said, || {
                format!("{member:?} of group {group} had {said}, and has {last}")
            })?;
            let Some((first, last)) = log.first_index().zip(log.last_index()) else { continue };
            for (index, bytes) in log.read(first..last + 1, usize::MAX).unwrap_or_default() {
                let written = self.entries.get(&(*group, index));
                let is_other = |it: &Bytes| it.get(..REIGN_BYTES) != bytes.get(..REIGN_BYTES);
                let is_read = written.is_none_or(|it| *it == bytes || is_other(it));
                Oracle::Raft.checks(is_read, || {
                    format!("{member:?} of group {group} reads {index} otherwise than it was")
                })?;
            }
        }
        Ok(())
    }

    /// A group was applied up to an entry somewhere: entries that change its members have to follow each other.
    ///
    /// # Errors
    ///
    /// What follows nothing that was there.
    pub fn changed(&mut self, (group, applied): (u32, u64), steps: &[Step]) -> Result<(), Finding> {
        let front = self.fronts.entry(group).or_default();
        *front = applied.max(*front);
        let changes = steps.iter().filter(|it| !it.voters.is_empty());
        changes.into_iter().try_for_each(|it| self.change(group, it.index, &it.voters))
    }

    fn change(
        &mut self,
        group: u32,
        index: u64,
        voters: &[BTreeSet<Member>],
    ) -> Result<(), Finding> {
        let all = self.voters.entry(group).or_default();
        let before = all.last_key_value().map(|(at, sets)| (*at, sets.clone()));
        if before.as_ref().is_some_and(|(at, _)| *at >= index) {
            return Ok(());
        }
        all.insert(index, voters.to_vec());
        let Some((_, before)) = before else { return Ok(()) };
        let follows = match (&before[..], voters) {
            ([only], [same]) => only == same,
            ([only], [old, _new]) => only == old,
            // Back, if who leads now wants the old ones: every quorum of either has met one of both.
            ([old, new], [only]) => old == only || new == only,
            (both, others) => both == others,
        };
        Oracle::Raft.checks(follows, || {
            format!("group {group}: voters {voters:?} at {index} follow {before:?}")
        })
    }

    /// The voters of a group as of an entry that was applied.
    fn voters_at(&self, group: u32, index: u64) -> Option<&[BTreeSet<Member>]> {
        self.voters.get(&group)?.range(..=index).next_back().map(|(_, sets)| &sets[..])
    }

    /// How far a group was applied anywhere.
    pub fn front(&self, group: u32) -> u64 {
        self.fronts.get(&group).copied().unwrap_or(0)
    }

    /// How many reigns were seen, of all groups together.
    pub fn reigns(&self) -> u64 {
        self.reigns.len() as u64
    }

    fn see(&mut self, node: NodeId, began: Moment, status: &Status) -> Result<(), Finding> {
        let Status { group, member, term, .. } = *status;
        let told = |what: &str| format!("{what}: node {}, {status:?}", node.0);
        let is_ordered = status.purged <= status.snapshot.max(status.applied)
            && status.snapshot <= status.applied
            && status.applied <= status.committed
            && status.committed <= status.last.max(status.snapshot);
        Oracle::Raft.checks(is_ordered, || told("out of order"))?;
        // What is not committed may become something else.
        for (other, index) in status.matched.iter().filter(|(it, _)| *it != member) {
            let index = (*index).min(status.committed);
            if self.has(*other, group, index) {
                let said = self.said.entry((group, *other)).or_default();
                *said = index.max(*said);
            }
        }
        let vote = self.votes.entry((group, member)).or_default();
        Oracle::Raft.checks(*vote <= status.vote, || told(&format!("it had voted {vote:?}")))?;
        // Before the first term there is none to store.
        if status.vote.0 > 0 {
            *vote = status.vote;
        }
        if let Some((log, _)) = self.logs.get(&node) {
            self.matching.read((node, group), &log.group(group))?;
        }
        let newest = self.terms.entry(group).or_default();
        *newest = term.max(*newest);
        if status.leads && term == *newest {
            let gone = status.voters.iter().find(|it| self.is_gone(group, **it));
            Oracle::Raft.checks(gone.is_none(), || told(&format!("{gone:?} has left")))?;
        }
        if status.leads {
            let reign = (term, member.id());
            let is_new = self.reigns.insert((group, reign));
            let last = self.committed.get(&group).filter(|it| is_new && it.reign <= reign);
            let is_whole = last.is_none_or(|it| self.may_have(member, group, *it));
            Oracle::Raft.checks(is_whole, || told(&format!("it leads without {last:?}")))?;
        }
        let life = self.logs.get(&node).map_or(0, |(_, life)| *life);
        let (committed, applied) = (status.committed, status.applied);
        let now = Progress { member, life, began, term, committed, applied };
        let before = self.members.insert((node, group), now);
        let Some(before) = before.filter(|it| it.member == member && it.life == life) else {
            return Ok(());
        };
        // What is known to be committed is not stored.
        let is_known = before.began < began || before.committed <= committed;
        let rises = before.term <= term && before.applied <= applied && is_known;
        Oracle::Raft.checks(rises, || told(&format!("it goes back from {before:?}")))
    }

    /// Whether a member has left, and forgotten everything.
    fn is_gone(&self, group: u32, member: Member) -> bool {
        let Some((log, _)) = self.logs.get(&NodeId(member.node)) else { return false };
        let label = log.group(group).label();
        // One byte more says that it was this member's.
        label.is_some_and(|it| it.len() == 9 && it.starts_with(&member.id().to_bytes()))
    }

    /// An entry was applied somewhere: it has to be in the logs of a quorum.
    ///
    /// Whoever leads counts those that vote as of this entry, or as of the next change, which it may have begun:
    /// with two sets that is one of both, and with one set that one and another.
    fn applied(&mut self, applied: Applied) -> Result<(), Finding> {
        let Applied { node, group, index, reign } = applied;
        let Some(reign) = reign else { return Ok(()) };
        if self.committed.get(&group).is_some_and(|last| last.index >= index) {
            return Ok(());
        }
        let log = self.logs.get(&node).map(|(log, _)| log.group(group));
        let Some(bytes) = log.and_then(|log| bytes_of(&log, index)) else { return Ok(()) };
        let entry = Entry { index, reign, sum: crc32c::crc32c(&bytes) };
        self.entries.insert((group, index), bytes);
        self.committed.insert(group, entry);
        let Some(voters) = self.voters_at(group, index) else { return Ok(()) };
        let has = |it: &&Member| self.may_have(**it, group, entry);
        let is_quorum = |set: &BTreeSet<Member>| 2 * set.iter().filter(has).count() > set.len();
        Oracle::Raft.checks(voters.iter().any(is_quorum), || {
            format!("entry {index} of group {group} is applied, and no quorum of {voters:?} has it")
        })
    }

    /// Whether a member has an entry, as far as can be seen.
    fn may_have(&self, member: Member, group: u32, entry: Entry) -> bool {
        let Some((log, _)) = self.logs.get(&NodeId(member.node)) else { return true };
        let log = log.group(group);
        // Whoever has lost its log has begun as somebody else.
        if log.damage().is_some() || owner(&log) != Some(member) {
            return true;
        }
        let is_purged = log.purged().is_some_and(|(purged, _)| purged >= entry.index);
        is_purged || bytes_of(&log, entry.index).is_some_and(|it| crc32c::crc32c(&it) == entry.sum)
    }
}

/// Whose a log is.
fn owner(log: &GroupLog) -> Option<Member> {
    log.label().and_then(|it| u64::from_bytes(&it)).map(Member::of)
}

/// A vote, as it is stored.
fn ballot_of(bytes: &Bytes) -> Option<Ballot> {
    let is_elected = *bytes.get(REIGN_BYTES)? != 0;
    reign_of(bytes).map(|(term, whom)| (term, whom, is_elected))
}

/// Who proposed an entry, and in which term.
pub(super) fn reign_of(bytes: &Bytes) -> Option<Reign> {
    let number = |from: usize| bytes.get(from..from + 8)?.try_into().ok().map(u64::from_le_bytes);
    number(0).zip(number(8))
}

fn bytes_of(log: &GroupLog, index: u64) -> Option<Bytes> {
    let read = log.read(index..index + 1, 1).ok()?;
    read.into_iter().next().map(|(_, bytes)| bytes)
}

impl World {
    /// Looks at all members, now and then, and at each entry that was applied since.
    pub(super) fn look_at_laws(&self, applied: &[Applied]) {
        let now = self.parts.began.elapsed();
        let judged = self.laws.with(|laws| -> Result<Option<u64>, Finding> {
            for it in applied {
                laws.applied(*it)?;
            }
            if now < laws.looked + PERIOD {
                return Ok(None);
            }
            laws.looked = now;
            laws.looks += 1;
            for shard in (0..self.parts.plan.shards).map(ShardId).chain([META]) {
                let mut leading = 0;
                for node in self.up.borrow().keys() {
                    if let Some(group) = self.group_of(*node, shard) {
                        let status = group.status();
                        leading += u32::from(status.leads);
                        laws.see(*node, group.began(), &status)?;
                    }
                }
                probe::sometimes!(TwoLeaders, leading > 1);
            }
            Ok(Some(laws.looks))
        });
        match judged {
            Ok(looks) => looks.into_iter().for_each(|it| self.compare_in_turn(it)),
            Err(finding) => self.blame(finding),
        }
    }

    fn group_of(&self, node: NodeId, shard: ShardId) -> Option<Group> {
        self.up.borrow().get(&node)?.router().hosted(shard)?.group
    }
}
