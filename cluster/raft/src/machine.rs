//! openraft's state machine: the fence, and rows in the engine.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::record::{Fence, Record, Write};
use engine::{Applied, Change, Engine, EngineError, GroupId, Mark};
use entity::Time;
use futures::{FutureExt, Stream, StreamExt};
use openraft::EntryPayload;
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use tokio::sync::{Mutex, MutexGuard};

use crate::codec::{
    Malformed, finish, get_log_id, get_membership, get_option, number, put_log_id, put_membership,
    put_option,
};
use crate::home::Home;
use crate::offload::Offload;
use crate::proposal::{
    Entry, LogId, Member, Membership, Proposal, Snapshot, SnapshotMeta, Types, Verdict,
};
use crate::shared::Shared;
use crate::snapshot::Rows;

/// Most entries that are applied as one.
const APPLY_ENTRIES_MAX: usize = 512;

/// Most bytes of records that are applied as one, more or less.
const APPLY_BYTES: usize = 4 << 20;

/// What a group has come to here, beside its rows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: Membership,
    /// The current activation and its last record.
    pub fence: Fence,
    /// Time of the last record.
    pub time: Time,
}

/// Told of every change of the state, after it can be read.
pub type Watch = Arc<dyn Fn(&Changed<'_>) + Send + Sync>;

/// A change of the state of a group.
#[derive(Debug)]
pub struct Changed<'a> {
    /// Which group.
    pub group: GroupId,
    /// Index of the last entry applied.
    pub applied: u64,
    /// What was applied, in order; none when a snapshot has replaced everything.
    pub steps: Option<&'a [Step]>,
}

/// An entry that was applied.
#[derive(Debug)]
pub struct Step {
    /// Its index.
    pub index: u64,
    /// The term in which it was proposed, and by which member.
    pub reign: (u64, u64),
    /// What it came to.
    pub verdict: Verdict,
    /// The record that took effect, if one did.
    pub record: Option<Record>,
    /// The voters from here on, if it changes the members: two sets in the middle of a change.
    pub voters: Vec<BTreeSet<Member>>,
}

/// The state machine of one group on one node. Clones are the same.
#[derive(Clone)]
pub struct Machine(Arc<Inner>);

struct Inner {
    group: GroupId,
    engine: Arc<dyn Engine>,
    offload: Offload,
    head: Shared<Head>,
    watch: Watch,
    /// Held by whoever changes rows; whether the member still may.
    is_open: Mutex<bool>,
}

impl Head {
    fn encode(&self) -> Bytes {
        let mut to = Vec::new();
        put_option(&mut to, self.applied.as_ref(), put_log_id);
        put_membership(&mut to, &self.membership);
        for number in [self.fence.activation, self.fence.sequence, self.time.0] {
            to.extend_from_slice(&number.to_le_bytes());
        }
        to.into()
    }

    /// What openraft wants to know of a snapshot that was taken here.
    pub(crate) fn meta(&self) -> SnapshotMeta {
        let last_membership = self.membership.clone();
        SnapshotMeta { last_log_id: self.applied, last_membership }
    }

    pub(crate) fn decode(mut from: Bytes) -> Result<Self, Malformed> {
        let from = &mut from;
        let (applied, membership) = (get_option(from, get_log_id)?, get_membership(from)?);
        let fence = Fence { activation: number(from)?, sequence: number(from)? };
        let head = Self { applied, membership, fence, time: Time(number(from)?) };
        finish(from)?;
        Ok(head)
    }

    fn index(&self) -> u64 {
        self.applied.map_or(0, |it| it.index())
    }

    /// Takes an entry in: what it comes to, and the record that takes effect, if one does.
    fn take(&mut self, entry: Entry) -> io::Result<(Verdict, Option<Record>)> {
        self.applied = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => Ok((Verdict::Nothing, None)),
            EntryPayload::Membership(members) => {
                self.membership = Membership::new(Some(entry.log_id), members);
                Ok((Verdict::Nothing, None))
            }
            EntryPayload::Normal(Proposal::Claim) => {
                self.fence = Fence { activation: entry.log_id.index(), sequence: 0 };
                Ok((Verdict::Claimed, None))
            }
            EntryPayload::Normal(Proposal::Record(bytes)) => self.record(&bytes),
        }
    }

    fn record(&mut self, bytes: &Bytes) -> io::Result<(Verdict, Option<Record>)> {
        let record = Record::decode(bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{error:?}")))?;
        let next = Fence { sequence: self.fence.sequence + 1, ..self.fence };
        let is_next = record.fence == next && record.time > self.time;
        if !is_next && !probe::mutant!(FenceUnchecked) {
            probe::sometimes!(FenceRefused);
            return Ok((Verdict::Refused, None));
        }
        (self.fence, self.time) = (record.fence, self.time.max(record.time));
        Ok((Verdict::Accepted, Some(record)))
    }
}

impl Machine {
    /// Goes on from what the engine holds of a group.
    ///
    /// # Errors
    ///
    /// When the mark cannot be read: the group is damaged here.
    pub fn new(
        group: GroupId,
        engine: Arc<dyn Engine>,
        offload: Offload,
        mark: Option<&Mark>,
        watch: Watch,
    ) -> Result<Self, Malformed> {
        let head = mark.map(|it| Head::decode(it.detail.clone())).transpose()?;
        let head = Shared::new(head.unwrap_or_default());
        let is_open = Mutex::new(true);
        Ok(Self(Arc::new(Inner { group, engine, offload, head, watch, is_open })))
    }

    /// What the group has come to here.
    pub fn head(&self) -> Head {
        self.0.head.with(|head| head.clone())
    }

    /// Takes entries for applied that are not: for a mutant.
    pub(crate) fn pretend(&self, applied: Option<LogId>) {
        self.0.head.with(|head| head.applied = head.applied.max(applied));
    }

    /// The member changes no rows from now on. openraft does not wait for whoever applies when it ends.
    pub(crate) async fn close(&self) {
        *self.0.is_open.lock().await = false;
    }

    async fn open(&self) -> io::Result<MutexGuard<'_, bool>> {
        let is_open = self.0.is_open.lock().await;
        if *is_open { Ok(is_open) } else { Err(io::Error::other("the member has ended")) }
    }

    async fn apply_batch(&self, batch: Vec<EntryResponder<Types>>) -> io::Result<()> {
        let _open = self.open().await?;
        let (inner, mut head) = (&self.0, self.head());
        let (mut steps, mut told) = (Vec::new(), Vec::with_capacity(batch.len()));
        for (entry, responder) in batch {
            let (index, leader) = (entry.log_id.index(), entry.log_id.leader_id);
            let reign = (leader.term, leader.node_id);
            let voters = voters(&entry);
            let (verdict, record) = head.take(entry)?;
            told.push((verdict, responder));
            steps.push(Step { index, reign, verdict, record, voters });
        }
        let writes = steps.iter().filter_map(|it| it.record.as_ref()).flat_map(|it| &it.writes);
        let change = |it: &Write| Change { key: it.key.clone(), value: it.value.clone() };
        let changes = writes.map(change).collect();
        let (applied, detail) = (head.index(), head.encode());
        let (group, engine) = (inner.group, Arc::clone(&inner.engine));
        let written = inner
            .offload
            .run(move || engine.apply(vec![(group, Applied { changes, applied, detail })]));
        let written = written.await?;
        probe::sometimes!(RowsFull, matches!(written, Err(EngineError::Full)));
        written.map_err(io::Error::other)?;
        inner.head.with(|it| *it = head);
        (inner.watch)(&Changed { group, applied, steps: Some(&steps) });
        tell(told);
        Ok(())
    }
}

/// The sets of voters that an entry makes, if it changes the members.
fn voters(entry: &Entry) -> Vec<BTreeSet<Member>> {
    let EntryPayload::Membership(members) = &entry.payload else { return Vec::new() };
    let sets = members.get_joint_config().iter();
    sets.map(|it| it.iter().copied().map(Member::of).collect()).collect()
}

fn tell(told: Vec<(Verdict, Option<ApplyResponder<Types>>)>) {
    for (verdict, responder) in told {
        if let Some(responder) = responder {
            responder.send(verdict);
        }
    }
}

/// Takes what is there, up to the limits, and waits only for the first.
async fn next_batch<S>(entries: &mut S) -> io::Result<Vec<EntryResponder<Types>>>
where
    S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + Send,
{
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut next = entries.next().await;
    while let Some(entry) = next.transpose()? {
        bytes += record_bytes(&entry.0);
        batch.push(entry);
        let is_full = batch.len() >= probe::knob!(ApplyEntries, APPLY_ENTRIES_MAX)
            || bytes >= probe::knob!(ApplyBytes, APPLY_BYTES);
        if is_full || probe::buggify!(AppliedSingly) {
            break;
        }
        next = entries.next().now_or_never().flatten();
    }
    Ok(batch)
}

fn record_bytes(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(Proposal::Record(bytes)) => bytes.len(),
        EntryPayload::Blank | EntryPayload::Normal(_) | EntryPayload::Membership(_) => 0,
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Rows;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, Membership)> {
        let head = self.head();
        Ok((head.applied, head.membership))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + Send,
    {
        loop {
            let batch = next_batch(&mut entries).await?;
            if batch.is_empty() {
                return Ok(());
            }
            self.apply_batch(batch).await?;
        }
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(&mut self, _: &SnapshotMeta, rows: Rows) -> io::Result<()> {
        let _open = self.open().await?;
        let (install, detail) = match rows {
            Rows::Received { install, detail } => (install, detail),
            // At its start openraft offers what the engine holds anyway.
            Rows::Here(view) if view.mark().applied <= self.head().index() => return Ok(()),
            Rows::Here(mut view) => (self.copy(&mut *view)?, view.mark().detail.clone()),
        };
        let head = Head::decode(detail.clone())?;
        let applied = head.index();
        if probe::mutant!(MarkBeforeRows) {
            let (changes, detail) = (Vec::new(), detail.clone());
            let marked = Applied { changes, applied, detail };
            self.0.engine.apply(vec![(self.0.group, marked)]).map_err(io::Error::other)?;
            self.0.engine.flush().map_err(io::Error::other)?;
            Home::current().sleep(Duration::from_millis(300)).await;
        }
        let installed = self.0.offload.run(move || install.finish(applied, detail)).await?;
        installed.map_err(io::Error::other)?;
        probe::sometimes!(SnapshotInstalled);
        self.0.head.with(|it| *it = head);
        (self.0.watch)(&Changed { group: self.0.group, applied, steps: None });
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        if self.head().applied.is_none() {
            return Ok(None);
        }
        self.take_snapshot().await.map(Some)
    }
}

/// Rows that are copied at once, in bytes.
const COPY_BYTES: usize = 256 * 1024;

impl Machine {
    fn copy(&self, view: &mut dyn engine::Snapshot) -> io::Result<Box<dyn engine::Install>> {
        let mut install = self.0.engine.install(self.0.group).map_err(io::Error::other)?;
        while let Some(rows) = view.next_chunk(COPY_BYTES).map_err(io::Error::other)? {
            install.put(rows).map_err(io::Error::other)?;
        }
        Ok(install)
    }

    /// A view of the engine. What it shows need not be durable: only we purge, and look at that.
    async fn take_snapshot(&self) -> io::Result<Snapshot> {
        let (group, engine) = (self.0.group, Arc::clone(&self.0.engine));
        let rows = self.0.offload.run(move || engine.snapshot(group)).await?;
        let rows = rows.map_err(io::Error::other)?;
        let detail = rows.mark().detail.clone();
        // Before the first entry there is no mark.
        let head = if detail.is_empty() { Head::default() } else { Head::decode(detail)? };
        Ok(Snapshot { meta: head.meta(), snapshot: Rows::Here(rows) })
    }
}

impl RaftSnapshotBuilder<Types> for Machine {
    type SnapshotData = Rows;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        self.take_snapshot().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposal::LeaderId;

    #[test]
    fn whatever_comes_is_a_head_or_refused() {
        let applied = Some(LogId::new(LeaderId { term: 3, node_id: 1 }, 7));
        let fence = Fence { activation: 5, sequence: 2 };
        let head = Head { applied, fence, time: Time(9), ..Head::default() };
        fuzz::target("raft-head").seeds([head.encode()]).run(|bytes| {
            let bytes = Bytes::copy_from_slice(bytes);
            if let Ok(head) = Head::decode(bytes.clone()) {
                assert_eq!(head.encode(), bytes);
            }
        });
    }
}
