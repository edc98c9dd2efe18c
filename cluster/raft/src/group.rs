//! One member of a group: replication, state and what others ask of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use cluster::transport::NodeId;
use engine::{Engine, EngineError, GroupId, State};
use entity::Time;
use futures::FutureExt;
use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{
    ClientWriteError, ForwardReason, ForwardToLeader, LinearizableReadError, RaftError,
};
use openraft::impls::EmptyNode;
use openraft::raft::{ClientWriteResult, ReadPolicy, TransferLeaderRequest};

use crate::codec::Malformed;
use crate::home::{Home, Moment};
use crate::machine::{Head, Machine, Watch};
use crate::network::Lines;
use crate::offload::Offload;
use crate::peers::Peers;
use crate::proposal::{Member, Proposal, Raft, Teller, Types, Verdict};
use crate::snapshot::Receiver;
pub use crate::status::{Ballot, Status};
use crate::storage::Storage;
use crate::timing::Timing;
use crate::wire::{Answer, Question};

/// What a member is made of.
pub struct Setup {
    /// Which group.
    pub group: GroupId,
    /// Which member of it.
    pub member: Member,
    /// The way to the others.
    pub peers: Peers,
    /// The part of the group in the log of the node.
    pub storage: Storage,
    /// The rows of the node.
    pub engine: Arc<dyn Engine>,
    /// Where work goes that waits for the disk.
    pub offload: Offload,
    /// Time and sizes.
    pub timing: Timing,
    /// Told of every change.
    pub watch: Watch,
}

/// Why a member cannot take part in its group.
#[derive(Debug)]
pub enum GroupError {
    /// Its rows or its mark cannot be trusted.
    Damaged(String),
    /// The log of the node has failed.
    Log(io::Error),
    /// openraft says so: what is stored does not fit together, or the timing is impossible.
    Raft(String),
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It has taken effect at this index of the log, here too.
    Accepted {
        /// The index.
        index: u64,
    },
    /// The fence refused it: it has none.
    Refused,
    /// It has none: somebody else leads.
    Elsewhere,
    /// It has none: the leader has lost touch with its quorum, and may find it again.
    NotNow,
    /// It may or may not have one.
    Unknown,
}

/// Between two attempts of a leader that has no contact with its quorum. It still reigns.
pub(crate) const LEASE_PAUSE: Duration = Duration::from_millis(10);

/// A member of a group. Clones are the same.
#[derive(Clone)]
pub struct Group(Arc<Inner>);

struct Inner {
    group: GroupId,
    member: Member,
    home: Home,
    engine: Arc<dyn Engine>,
    offload: Offload,
    machine: Machine,
    receiver: Receiver,
    storage: Storage,
    raft: Raft,
    kept_entries: u64,
    began: Moment,
}

impl Group {
    /// Goes on from what log and engine hold. Call it as a part of the node.
    ///
    /// # Errors
    ///
    /// [`GroupError`]; nothing runs then.
    pub async fn start(setup: Setup) -> Result<Self, GroupError> {
        let Setup { group, member, peers, storage, engine, offload, timing, watch } = setup;
        storage.settle().await.map_err(GroupError::Log)?;
        let mark = match engine.state(group) {
            Some(State::Damaged(what)) => return Err(GroupError::Damaged(what)),
            Some(State::Sound(mark)) => Some(mark),
            None => None,
        };
        let machine =
            Machine::new(group, Arc::clone(&engine), offload.clone(), mark.as_ref(), watch)?;
        let applied = machine.head().applied;
        probe::sometimes!(AppliedAgain, storage.committed_before().is_ok_and(|it| it > applied));
        if probe::mutant!(CommittedTakenForApplied) {
            machine.pretend(storage.committed_before().map_err(GroupError::Log)?);
        }
        let receiver = Receiver::new(group, Arc::clone(&engine), offload.clone());
        let (home, config) =
            (peers.home().clone(), Arc::new(timing.config().map_err(GroupError::Raft)?));
        let lines = Lines { group, peers };
        let raft = Raft::new(member.id(), config, lines, storage.clone(), machine.clone()).await;
        let raft = raft.map_err(|error| GroupError::Raft(error.to_string()))?;
        let kept_entries = timing.kept_entries;
        let began = home.now();
        Ok(Self(Arc::new(Inner {
            group,
            member,
            home,
            engine,
            offload,
            machine,
            receiver,
            storage,
            raft,
            kept_entries,
            began,
        })))
    }

    /// Makes a group of members that are all empty. Does nothing to one that has begun already.
    ///
    /// # Errors
    ///
    /// When this member is not among them, or does nothing any more.
    pub async fn found(&self, voters: &BTreeSet<Member>) -> Result<(), GroupError> {
        let voters: BTreeSet<u64> = voters.iter().map(|it| it.id()).collect();
        let raft = &self.0.raft;
        let failed = |error: &dyn fmt::Display| GroupError::Raft(error.to_string());
        if raft.is_initialized().await.map_err(|error| failed(&error))? {
            return Ok(());
        }
        match raft.initialize(voters).await {
            // Another founder was quicker.
            Err(_) if raft.is_initialized().await.map_err(|error| failed(&error))? => Ok(()),
            founded => founded.map_err(|error| failed(&error)),
        }
    }

    /// Proposes a sealed record. `tell` is called once, unless the member ends before.
    ///
    /// Proposals of one task take their place in the log in its order.
    pub async fn propose(&self, record: Bytes, tell: impl FnOnce(Outcome) + Send + 'static) {
        let teller = Teller(Box::new(move |result| tell(outcome(&result))));
        // The teller is dropped with the core that ended: whoever waits for it sees that.
        let handed = self.0.raft.client_write_ff(Proposal::Record(record), Some(teller)).await;
        if let Err(error) = handed {
            tracing::warn!(group = self.0.group, %error, "replication has ended");
        }
    }

    /// Begins a new activation: its number, and the time of the last record. None when this member
    /// does not lead, or nobody knows whether it has begun. Waits while the leader has no contact with
    /// its quorum yet, as long as `is_wanted` says so.
    pub async fn claim(&self, is_wanted: impl Fn() -> bool) -> Option<(u64, Time)> {
        while is_wanted() {
            match self.0.raft.client_write(Proposal::Claim).await {
                Ok(claimed) if claimed.data == Verdict::Claimed => {
                    // Had somebody else claimed since, that one's time would be of no use here either.
                    return Some((claimed.log_id.index(), self.head().time));
                }
                Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to)))
                    if to.reason == ForwardReason::LeaseExpired => {}
                Ok(_) | Err(_) => return None,
            }
            self.0.home.sleep(probe::knob!(LeasePause, LEASE_PAUSE)).await;
        }
        None
    }

    /// Whether no activation after `activation` had begun when this was called, as a quorum
    /// confirms. Waits while the quorum cannot be reached and this member still leads, and as long
    /// as `is_wanted` says so.
    pub async fn confirm(&self, activation: u64, is_wanted: impl Fn() -> bool) -> bool {
        while is_wanted() {
            match self.0.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
                Ok(read) => {
                    let is_here = read.await_ready(&self.0.raft).await.is_ok();
                    return is_here && self.head().fence.activation == activation;
                }
                Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {}
                Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to)))
                    if to.reason == ForwardReason::LeaseExpired => {}
                Err(_) => return false,
            }
            self.0.home.sleep(probe::knob!(LeasePause, LEASE_PAUSE)).await;
        }
        false
    }

    /// Whether a quorum confirms that this member leads. What was committed before is applied then.
    pub async fn is_confirmed(&self) -> bool {
        let asked = self.0.raft.get_read_linearizer(ReadPolicy::ReadIndex).await;
        let Ok(read) = asked else { return false };
        read.await_ready(&self.0.raft).await.is_ok()
    }

    /// Answers what another member asks.
    pub async fn answer(&self, question: Bytes) -> Bytes {
        let answered = match Question::decode(question) {
            Ok(question) => self.answer_to(question).await,
            Err(malformed) => Err(malformed.to_string()),
        };
        answered.unwrap_or_else(Answer::Failed).encode()
    }

    async fn answer_to(&self, question: Question) -> Result<Answer, String> {
        let (raft, receiver) = (&self.0.raft, &self.0.receiver);
        let fatal = |error: &dyn fmt::Display| error.to_string();
        let stored = |error: io::Error| error.to_string();
        Ok(match question {
            Question::Append(append) => {
                Answer::Append(raft.append_entries(append).await.map_err(|it| fatal(&it))?)
            }
            Question::Vote(vote) => Answer::Vote(raft.vote(vote).await.map_err(|it| fatal(&it))?),
            Question::PreVote(vote) => {
                Answer::Vote(raft.pre_vote(vote).await.map_err(|it| fatal(&it))?)
            }
            Question::Transfer(transfer) => {
                let taken = raft.handle_transfer_leader(transfer).await;
                taken.map_err(|it| fatal(&it))?.map_err(|it| fatal(&it))?;
                Answer::Done
            }
            Question::Begin { transfer, vote, detail } => {
                receiver.begin(transfer, vote, detail).map_err(stored)?;
                Answer::Snapshot(vote)
            }
            Question::Rows { transfer, number, rows } => {
                Answer::Snapshot(receiver.rows(transfer, number, rows).await.map_err(stored)?)
            }
            Question::End { transfer, parts } => {
                let (vote, snapshot) = receiver.end(transfer, parts).map_err(stored)?;
                let installed = raft.install_full_snapshot(vote, snapshot).await;
                let installed = installed.map_err(|it| fatal(&it))?;
                // openraft answers at once when as much was applied here, from entries that may not be
                // durable yet: who asks counts them.
                self.0.storage.settle().await.map_err(stored)?;
                Answer::Snapshot(installed.vote)
            }
        })
    }

    /// Calls an election, unless a leader is alive as far as the quorum knows.
    pub async fn elect(&self) {
        self.log_end(self.0.raft.trigger().elect(true).await.map_err(|it| it.to_string()));
    }

    /// Calls an election although the lease of the leader may not have ended: the caller knows that it
    /// is down. Should it be alive after all, it loses its office, and nothing else.
    pub async fn succeed(&self) {
        let (vote, last) = {
            let metrics = self.0.raft.metrics();
            let known = metrics.borrow_watched();
            (known.vote, known.last_applied)
        };
        // As if the leader had asked for it: voters grant it within its lease as well.
        let transfer = TransferLeaderRequest::new(vote, self.0.member.id(), last);
        let taken = self.0.raft.handle_transfer_leader(transfer).await;
        self.log_end(taken.map(drop).map_err(|it| it.to_string()));
    }

    /// Hands leadership to another voter. The caller has seen that it is alive and has the whole log,
    /// and that nothing is in flight: until someone is elected, nobody leads.
    pub async fn transfer(&self, to: Member) {
        let handed = self.0.raft.trigger().transfer_leader(to.id()).await;
        self.log_end(handed.map_err(|it| it.to_string()));
    }

    /// A node is back: its member is sent what it lacks now, not when it is time to try again.
    pub async fn greet(&self, node: NodeId) {
        let members: Vec<_> = {
            let metrics = self.0.raft.metrics();
            let known = metrics.borrow_watched();
            let all = known.membership_config.membership().nodes().map(|(id, _)| *id);
            all.filter(|id| Member::of(*id).node == node.0).collect()
        };
        if !members.is_empty() {
            let greeted = self.0.raft.trigger().reset_backoff(members).await;
            self.log_end(greeted.map_err(|it| it.to_string()));
        }
    }

    /// Up to where the log could be purged, but for what followers that are a little behind need; none
    /// if it is.
    pub fn can_trim(&self) -> Option<u64> {
        self.can_purge(self.0.kept_entries)
    }

    /// Up to where the log could be purged at all, with what followers that are behind might need; none
    /// if it is.
    pub fn can_forget(&self) -> Option<u64> {
        self.can_purge(0)
    }

    fn can_purge(&self, kept_entries: u64) -> Option<u64> {
        let Status { snapshot, purged, .. } = self.status();
        Some(snapshot.saturating_sub(kept_entries)).filter(|upto| *upto > purged)
    }

    /// Purges the log. The rows of the entries up to `upto` must be durable: see [`Engine::flush`].
    ///
    /// Nobody else purges: openraft's own policy and orders from outside do not get on. It takes an order
    /// that would purge less than an earlier one for a defect of its own.
    pub async fn purge(&self, upto: u64) {
        self.log_end(self.0.raft.trigger().purge_log(upto).await.map_err(|it| it.to_string()));
    }

    /// Takes a snapshot.
    pub async fn compact(&self) {
        self.log_end(self.0.raft.trigger().snapshot().await.map_err(|it| it.to_string()));
    }

    fn log_end(&self, done: Result<(), String>) {
        if let Err(error) = done {
            tracing::warn!(group = self.0.group, %error, "replication has ended");
        }
    }

    /// Makes `member` a learner. Returns once that has committed; it may lag far behind then.
    ///
    /// # Errors
    ///
    /// When this member does not lead, or another change is under way.
    pub async fn add_learner(&self, member: Member) -> Result<(), GroupError> {
        let added = self.0.raft.add_learner(member.id(), EmptyNode {}, false).await;
        added.map(drop).map_err(|error| GroupError::Raft(error.to_string()))
    }

    /// Makes `voters` the voters and `learners` the learners, and removes all others. All of them are
    /// members already.
    ///
    /// # Errors
    ///
    /// When this member does not lead, one of them is no learner yet, or another change is under way.
    pub async fn change_voters(
        &self,
        voters: &BTreeSet<Member>,
        learners: &BTreeSet<Member>,
    ) -> Result<(), GroupError> {
        let ids: BTreeSet<u64> = voters.iter().map(|it| it.id()).collect();
        let failed = |error: &dyn fmt::Display| GroupError::Raft(error.to_string());
        let changed = self.0.raft.change_membership(ids, true).await;
        changed.map_err(|error| failed(&error))?;
        let status = self.status();
        let is_left = |it: &&Member| !voters.contains(it) && !learners.contains(it);
        let gone: BTreeSet<u64> =
            status.learners.iter().filter(is_left).map(|it| it.id()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let removed = self.0.raft.change_membership(ChangeMembers::RemoveNodes(gone), true).await;
        removed.map(drop).map_err(|error| failed(&error))
    }

    /// Waits until who leads, or who the members are, may have changed. Yields whether this member
    /// still does something.
    pub fn changes(&self) -> Changes {
        Changes(self.0.raft.server_metrics())
    }

    /// Ends. Returns when its tasks have.
    pub async fn stop(&self) {
        self.log_end(self.0.raft.shutdown().await.map_err(|it| it.to_string()));
        self.0.machine.close().await;
    }

    /// Which group.
    pub fn id(&self) -> GroupId {
        self.0.group
    }

    /// Which member of it.
    pub fn member(&self) -> Member {
        self.0.member
    }

    /// The node that it belongs to.
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    /// The rows of the node.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.0.engine
    }

    /// Where work goes that waits for the disk.
    pub fn offload(&self) -> &Offload {
        &self.0.offload
    }

    /// What has been applied here.
    pub fn head(&self) -> Head {
        self.0.machine.head()
    }

    /// openraft's side of it.
    pub(crate) fn raft(&self) -> &Raft {
        &self.0.raft
    }

    /// When it began; later than its node if it has failed since.
    pub fn began(&self) -> Moment {
        self.0.began
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let metrics = self.0.raft.metrics();
        Status::of((self.0.group, self.0.member), &metrics.borrow_watched())
    }
}

/// News of a group's leader and members.
pub struct Changes(
    openraft::alias::WatchReceiverOf<Types, openraft::metrics::RaftServerMetrics<Types>>,
);

impl Changes {
    /// Waits for news. Yields whether there can be more.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// Whether there will be no more: the member has ended, whatever it believed last.
    pub fn have_ended(&mut self) -> bool {
        self.next().now_or_never() == Some(false)
    }
}

fn outcome(result: &ClientWriteResult<Types>) -> Outcome {
    let forwarded = |to: &ForwardToLeader<Types>| match to.reason {
        ForwardReason::LeaseExpired => Outcome::NotNow,
        ForwardReason::NotLeader | ForwardReason::LeadershipTransfer => Outcome::Elsewhere,
    };
    match result {
        Ok(written) => match written.data {
            Verdict::Accepted => Outcome::Accepted { index: written.log_id.index() },
            Verdict::Refused | Verdict::Nothing | Verdict::Claimed => Outcome::Refused,
        },
        Err(ClientWriteError::ForwardToLeader(to)) => forwarded(to),
        Err(
            ClientWriteError::LogEntryDiscarded(_)
            | ClientWriteError::ChangeMembershipError(_)
            | ClientWriteError::PreconditionFailed(_),
        ) => Outcome::Unknown,
    }
}

impl From<Malformed> for GroupError {
    fn from(malformed: Malformed) -> Self {
        Self::Damaged(malformed.to_string())
    }
}

impl From<EngineError> for GroupError {
    fn from(error: EngineError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) => write!(f, "damaged: {what}"),
            Self::Log(error) => write!(f, "its log: {error}"),
            Self::Raft(what) => write!(f, "replication: {what}"),
        }
    }
}

impl std::error::Error for GroupError {}
