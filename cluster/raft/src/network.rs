//! openraft's way to the other members of a group.

use std::future::{Future, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use cluster::transport::{Lane, NodeId};
use engine::GroupId;
use futures::stream::{BoxStream, StreamExt};
use futures::{Stream, future::BoxFuture};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::impls::EmptyNode;
use openraft::network::v2::RaftNetworkV2;
use openraft::network::{RPCOption, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
    StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

use crate::commits;
use crate::peers::{Peers, Topic};
use crate::proposal::{LogId, Member, Snapshot, Types, Vote};
use crate::snapshot::{self, Rows};
use crate::wire::{Answer, Question};

/// How many appends to one member are on their way at once. One waits for the disk of the other in
/// turn; without an end they get tiny, and cost twice the CPU.
const APPENDS_IN_FLIGHT_MAX: usize = 3;

/// Shortest time that an append is waited for: openraft's own limit is a heartbeat, which an fsync
/// may take.
const APPEND_PATIENCE_MIN: Duration = Duration::from_millis(500);

type Failure = Unreachable<Types>;

/// One member's way to all others.
pub(crate) struct Lines {
    pub(crate) group: GroupId,
    pub(crate) peers: Peers,
}

/// One member's way to one other. Clones are the same.
#[derive(Clone)]
pub(crate) struct Line {
    group: GroupId,
    to: Member,
    peers: Peers,
}

/// What goes in front of a question: group and member it is meant for.
pub(crate) const ADDRESS_BYTES: usize = 12;

/// Takes the address off a question: which group it is for, and which member of it.
pub fn address(body: &mut Bytes) -> Option<(GroupId, Member)> {
    if body.len() < ADDRESS_BYTES {
        return None;
    }
    let group = body.get_u32_le();
    Some((group, Member::of(body.get_u64_le())))
}

/// What to answer for a member that is not here, perhaps not yet: silence would be waited for.
pub fn not_here() -> Bytes {
    Answer::Failed("that member is not here".to_owned()).encode()
}

impl Lines {
    pub(crate) fn line(&self, to: Member) -> Line {
        Line { group: self.group, to, peers: self.peers.clone() }
    }
}

impl Line {
    pub(crate) async fn ask(
        &self,
        question: &Question,
        limit: Duration,
    ) -> Result<Answer, Failure> {
        let content = question.encode();
        let mut body = Vec::with_capacity(ADDRESS_BYTES + content.len());
        body.put_u32_le(self.group);
        body.put_u64_le(self.to.id());
        body.put_slice(&content);
        let place = (NodeId(self.to.node), self.lane(question));
        let answer = self.peers.ask(place, limit, Topic::Raft, &body).await;
        let answer = answer.map_err(|_none| Failure::from_string("no answer"))?;
        match Answer::decode(answer) {
            Ok(Answer::Failed(why)) => Err(Failure::from_string(why)),
            Ok(answer) => Ok(answer),
            Err(malformed) => Err(Failure::from_string(malformed.to_string())),
        }
    }

    /// Nothing waits for the parts of a snapshot but they themselves.
    fn lane(&self, question: &Question) -> Lane {
        match question {
            Question::Begin { .. } | Question::Rows { .. } | Question::End { .. } => {
                Lane::bulk(self.group)
            }
            Question::Append(_)
            | Question::Vote(_)
            | Question::PreVote(_)
            | Question::Transfer(_) => Lane::usual(self.group),
        }
    }

    /// A number that names a transfer of a snapshot.
    pub(crate) fn transfer(&self) -> u64 {
        self.peers.home().seed()
    }

    async fn append(
        &self,
        append: AppendEntriesRequest<Types>,
        limit: Duration,
    ) -> Result<AppendEntriesResponse<Types>, Failure> {
        let has_entries = !append.entries.is_empty();
        let question = Question::Append(append);
        if probe::buggify!(AppendTwice) {
            self.ask(&question, limit).await?;
        }
        let mut answer = self.ask(&question, limit).await;
        if probe::buggify!(AppendAnswerLost) {
            answer = Err(strange());
        }
        if has_entries && answer.is_err() && probe::mutant!(SilenceCounted) {
            return Ok(AppendEntriesResponse::Success);
        }
        let Answer::Append(answer) = answer? else { return Err(strange()) };
        Ok(answer)
    }

    async fn ballot(
        &self,
        question: Question,
        limit: Duration,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let answer = self.ask(&question, limit).await?;
        if probe::buggify!(VoteUnanswered) {
            return Err(strange().into());
        }
        let Answer::Vote(answer) = answer else { return Err(strange().into()) };
        Ok(answer)
    }
}

pub(crate) fn strange() -> Failure {
    Failure::from_string("the answer belongs to another question")
}

/// What has matched stays so: an append that contradicts that has overtaken the one before it, and counts as
/// lost.
fn in_order(
    matched: &mut Option<LogId>,
    answer: StreamAppendResult<Types>,
) -> Result<StreamAppendResult<Types>, RPCError<Types>> {
    match &answer {
        Err(StreamAppendError::Conflict(at)) if matched.as_ref().is_some_and(|it| at <= it) => {
            let what = "an append has overtaken the one before it";
            Err(RPCError::Network(NetworkError::from_string(what)))
        }
        Ok(last) => {
            matched.clone_from(last);
            Ok(answer)
        }
        Err(_) => Ok(answer),
    }
}

fn patience(option: &RPCOption) -> Duration {
    option.soft_ttl().max(probe::knob!(AppendPatience, APPEND_PATIENCE_MIN))
}

impl RaftNetworkFactory<Types> for Lines {
    type Network = Line;

    async fn new_client(&mut self, to: u64, _: &EmptyNode) -> Line {
        self.line(Member::of(to))
    }
}

impl RaftNetworkV2<Types> for Line {
    type SnapshotData = Rows;

    async fn append_entries(
        &mut self,
        append: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Ok(self.append(append, patience(&option)).await?)
    }

    fn stream_append<S>(
        &mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'_, Result<Results<'_>, RPCError<Types>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
    {
        let (line, limit) = (self.clone(), patience(&option));
        let appends = commits::gathered(input, self.peers.home().clone());
        let in_flight = probe::knob!(AppendsInFlight, APPENDS_IN_FLIGHT_MAX);
        let results = appends.map(move |append| {
            let line = line.clone();
            let before = append.prev_log_id;
            let last = append.entries.last().map(|it| it.log_id).or(before);
            async move {
                let answer = line.append(append, limit).await?;
                Ok(answer.into_stream_result(before, last))
            }
        });
        let results = results.buffered(in_flight).scan(None, |matched, answer| {
            let answer = answer.and_then(|it| in_order(matched, it));
            ready(Some(answer))
        });
        Box::pin(async move { Ok(results.boxed()) })
    }

    async fn vote(
        &mut self,
        ballot: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ballot(Question::Vote(ballot), option.soft_ttl()).await
    }

    /// Not optional: openraft's default grants without asking.
    async fn pre_vote(
        &mut self,
        ballot: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ballot(Question::PreVote(ballot), option.soft_ttl()).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            sent = snapshot::send(self, vote, snapshot, option.soft_ttl()) => sent,
        }
    }

    async fn transfer_leader(
        &mut self,
        transfer: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let answer = self.ask(&Question::Transfer(transfer), option.soft_ttl()).await?;
        let Answer::Done = answer else { return Err(strange().into()) };
        Ok(Ok(()))
    }
}

type Results<'s> = BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>;
