//! Finds the leader of a shard, wherever it is, and asks it until it answers or time is up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::executor::Input;
use cluster::meta::Roster;
use cluster::request::{Answer, Failure, Request, Trace};
use cluster::slots::{META, ShardId};
use cluster::transport::{Lane, NodeId};
use entity::Time;
use raft::group::{Group, Status};
use raft::home::Moment;
use raft::peers::{NoAnswer, Peers, Question, Topic};
use raft::shared::Shared;
use tokio::sync::{mpsc, oneshot, watch};

use crate::detector::Detector;
use crate::follow::message::{Frame, Watch, Watched};
use crate::leaders::Leaders;
use crate::leave::Leave;
use crate::open::Open;
use crate::pause;
use crate::progress::Progress;
use crate::report::NodeReport;
use crate::shard::{Inbox, Item};
use crate::skew::Skew;
use crate::wire::{Members, Message, Reply};

/// How long another node is waited for before the next one is asked.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How many nodes are asked, one after the other, who is in a group: what one says of the leader is of
/// use for the next one only.
const REDIRECTS_MAX: u32 = 3;

/// An answer that took so long is worth a line of the log.
const SLOW: Duration = Duration::from_secs(1);

/// The lane of what is not replication: far above every group.
const LANE: Lane = Lane::usual(1 << 31);

/// What this node hosts of a shard.
#[derive(Clone, Default)]
pub struct Hosted {
    /// Its member of the group, once it runs.
    pub group: Option<Group>,
    /// Where questions of other members go.
    pub questions: Option<mpsc::Sender<(Question, Bytes)>>,
    /// The way to the shard, while this node leads it.
    pub inbox: Option<Inbox>,
}

/// The way to every shard. Clones are the same.
#[derive(Clone)]
pub struct Router(Arc<Inner>);

struct Inner {
    peers: Peers,
    roster: watch::Receiver<Arc<Roster>>,
    /// Who may know of the meta group when this node knows nothing.
    seeds: Vec<NodeId>,
    hosted: Shared<BTreeMap<ShardId, Hosted>>,
    leaders: Leaders,
    detector: Detector,
    progress: Progress,
    skew: Skew,
    leave: Leave,
    /// Messages handed to shards whose leader nobody knew.
    guesses: Shared<u32>,
}

#[derive(Debug)]
enum Target {
    Here(Inbox),
    There(NodeId),
    Nowhere,
}

impl Router {
    /// The way from one node. `seeds` are asked for the meta group while the roster is empty.
    pub fn new(peers: Peers, roster: watch::Receiver<Arc<Roster>>, seeds: Vec<NodeId>) -> Self {
        let (hosted, guesses) = (Shared::default(), Shared::default());
        let (leaders, detector) = (Leaders::default(), Detector::default());
        let (progress, skew, leave) = Default::default();
        Self(Arc::new(Inner {
            peers,
            roster,
            seeds,
            hosted,
            leaders,
            detector,
            progress,
            skew,
            leave,
            guesses,
        }))
    }

    /// The nodes and shards as this node knows them.
    pub fn roster(&self) -> Arc<Roster> {
        self.0.roster.borrow().clone()
    }

    /// The nodes and shards, as they change.
    pub fn rosters(&self) -> watch::Receiver<Arc<Roster>> {
        self.0.roster.clone()
    }

    /// The other nodes.
    pub fn peers(&self) -> &Peers {
        &self.0.peers
    }

    /// Which nodes are silent.
    pub(crate) fn detector(&self) -> &Detector {
        &self.0.detector
    }

    /// Whether the copies of this node get on.
    pub(crate) fn progress(&self) -> &Progress {
        &self.0.progress
    }

    /// Whether the clock of this node is right.
    pub(crate) fn skew(&self) -> &Skew {
        &self.0.skew
    }

    /// Whether this node is to end.
    pub(crate) fn leave(&self) -> &Leave {
        &self.0.leave
    }

    /// Changes what this node hosts of a shard.
    pub fn host(&self, shard: ShardId, change: impl FnOnce(&mut Hosted)) {
        self.0.hosted.with(|hosted| change(hosted.entry(shard).or_default()));
    }

    /// Forgets that this node hosts a shard.
    pub fn unhost(&self, shard: ShardId) -> Option<Hosted> {
        self.0.hosted.with(|hosted| hosted.remove(&shard))
    }

    /// What this node hosts of a shard.
    pub fn hosted(&self, shard: ShardId) -> Option<Hosted> {
        self.0.hosted.with(|hosted| hosted.get(&shard).cloned())
    }

    /// Every shard that this node hosts.
    pub fn all_hosted(&self) -> BTreeMap<ShardId, Hosted> {
        self.0.hosted.with(|hosted| hosted.clone())
    }

    /// The latest time of a shard that an answer has told: a command whose sender is behind takes it
    /// for its birth.
    pub fn time(&self, shard: ShardId) -> Time {
        self.0.leaders.time(shard)
    }

    /// Asks entities of one shard, and yields the answers in order. Attempts are repeated under the
    /// names that the requests have, until `deadline` by this node's clock.
    pub async fn ask(
        &self,
        shard: ShardId,
        requests: Vec<Request>,
        deadline: Moment,
    ) -> Vec<Answer> {
        let (home, mut attempt) = (self.0.peers.home(), 0);
        let mut open = Open::new(requests);
        loop {
            let patience = probe::knob!(AttemptPatience, PATIENCE);
            let limit = patience.min(deadline - home.now());
            let answers = self.attempt(shard, open.unsettled(), attempt, limit).await;
            open.answered(answers.ok());
            attempt += 1;
            let pause = pause::after(attempt, home);
            if open.is_settled() || home.now() + pause >= deadline {
                return open.end();
            }
            let group = self.hosted(shard).and_then(|it| it.group);
            if pause::or_news(pause, group, home).await {
                attempt = 0;
            }
        }
    }

    async fn attempt(
        &self,
        shard: ShardId,
        requests: Vec<Request>,
        attempt: u32,
        limit: Duration,
    ) -> Result<Vec<Answer>, NoAnswer> {
        match self.target(shard, attempt) {
            Target::Here(inbox) => self.ask_here(shard, &inbox, requests, limit).await,
            Target::There(node) => self.ask_there(shard, node, requests, limit).await,
            Target::Nowhere => Ok(vec![Answer::Failure(Failure::Moved); requests.len()]),
        }
    }

    /// Where the leader of a shard may be: where somebody has said lately; where this node's member of
    /// the group believes it is; every second time, and when nobody knows, one member after the other.
    /// Not on a node that counts as down, unless they all do.
    fn target(&self, shard: ShardId, attempt: u32) -> Target {
        let hosted = self.hosted(shard).unwrap_or_default();
        if let Some(inbox) = hosted.inbox {
            return Target::Here(inbox);
        }
        let is_lost = probe::buggify!(WrongNodeAsked);
        let (me, detector) = (self.0.peers.me(), &self.0.detector);
        let may_be = |it: &NodeId| *it != me && !detector.is_down(*it);
        let said = self.0.leaders.of(shard, self.0.peers.home());
        let believed =
            hosted.group.filter(|_| attempt.is_multiple_of(2)).and_then(|it| it.leader_node());
        if let Some(node) = said.filter(may_be).or(believed.filter(may_be))
            && !is_lost
        {
            return Target::There(node);
        }
        let roster = self.roster();
        let members = roster.members(shard).into_iter().map(|it| NodeId(it.node));
        let mut others: Vec<_> = members.filter(|it| *it != me).collect();
        if shard == META && roster.members(META).is_empty() {
            others.extend(self.0.seeds.iter().filter(|it| **it != me));
        }
        if others.iter().any(may_be) {
            others.retain(may_be);
        }
        match others.get(attempt as usize / 2 % others.len().max(1)) {
            Some(node) => Target::There(*node),
            None => Target::Nowhere,
        }
    }

    async fn ask_here(
        &self,
        shard: ShardId,
        inbox: &Inbox,
        requests: Vec<Request>,
        limit: Duration,
    ) -> Result<Vec<Answer>, NoAnswer> {
        let home = self.0.peers.home();
        let asked = self.ask_inbox(shard, inbox, requests);
        let asked = tokio::time::timeout(home.true_time(limit), asked).await;
        let (answers, time) = asked.map_err(|_late| NoAnswer)?;
        self.0.leaders.learn_time(shard, time);
        Ok(answers)
    }

    async fn ask_there(
        &self,
        shard: ShardId,
        node: NodeId,
        requests: Vec<Request>,
        limit: Duration,
    ) -> Result<Vec<Answer>, NoAnswer> {
        let count = requests.len();
        let asked = Message::Requests(shard, requests);
        let reply = self.ask_leader(shard, node, asked, limit).await?;
        if let Reply::NotHere(_) = reply {
            return Ok(vec![Answer::Failure(Failure::Moved); count]);
        }
        if let Reply::Answers(answers, time) = reply
            && answers.len() == count
        {
            self.0.leaders.learn_time(shard, time);
            self.learn(shard, Some(node));
            return Ok(answers);
        }
        self.learn(shard, None);
        Err(NoAnswer)
    }

    /// Somebody has said who leads a shard, or that he does not know. Yields whether it is news.
    pub fn learn(&self, shard: ShardId, leader: Option<NodeId>) -> bool {
        self.0.leaders.learn(shard, leader, self.0.peers.home())
    }

    /// Answers what another node asks of a shard that this node may lead.
    pub async fn answer(&self, shard: ShardId, requests: Vec<Request>) -> Reply {
        let hosted = self.hosted(shard).unwrap_or_default();
        match hosted.inbox {
            Some(inbox) => {
                let (answers, time) = self.ask_inbox(shard, &inbox, requests).await;
                Reply::Answers(answers, time)
            }
            None => Reply::NotHere(hosted.group.and_then(|it| it.leader_node())),
        }
    }

    /// Asks a shard that is led here.
    async fn ask_inbox(
        &self,
        shard: ShardId,
        inbox: &Inbox,
        requests: Vec<Request>,
    ) -> (Vec<Answer>, Time) {
        let home = self.0.peers.home();
        let began = home.now();
        let ask = |request: Request| {
            let (sender, receiver) = oneshot::channel();
            let trace = request.trace;
            (trace, inbox.send(Item::Request(request, sender)).map(|()| receiver))
        };
        let asked: Vec<_> = requests.into_iter().map(ask).collect();
        let (mut answers, mut latest) = (Vec::with_capacity(asked.len()), Time::default());
        for (trace, asked) in asked {
            let (answer, time) = match asked {
                // The shard has ended without a word: it may have gone far with it.
                Ok(told) => told.await.unwrap_or((Answer::Failure(Failure::Unknown), latest)),
                Err(failure) => (Answer::Failure(failure), latest),
            };
            latest = latest.max(time);
            log_answer(shard, trace, &answer, home.now() - began);
            answers.push(answer);
        }
        (answers, latest)
    }

    /// Who is in the group of a shard, if its leader is found and a quorum confirms it.
    pub async fn members(&self, shard: ShardId) -> Option<Members> {
        if probe::buggify!(MembersUnsaid) {
            return None;
        }
        let first = self.guess();
        for attempt in 0..REDIRECTS_MAX {
            let reply = match self.target(shard, first.wrapping_add(attempt)) {
                Target::Here(_) => Ok(self.members_here(shard).await),
                Target::There(node) => {
                    self.ask_leader(shard, node, Message::Members(shard), PATIENCE).await
                }
                Target::Nowhere => return None,
            };
            if let Ok(Reply::Members(members)) = reply {
                return Some(members);
            }
        }
        None
    }

    /// Asks the leader of a shard what this node follows of it. None: it does not know the session.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`]
    pub(crate) async fn watch(
        &self,
        shard: ShardId,
        watch: Watch,
    ) -> Result<Option<Watched>, NoAnswer> {
        let (home, me) = (self.0.peers.home(), self.0.peers.me());
        let reply = match self.target(shard, self.guess()) {
            Target::Here(_) => {
                let answer = self.watch_here(shard, me, watch);
                let answer = tokio::time::timeout(home.true_time(PATIENCE), answer);
                answer.await.map_err(|_late| NoAnswer)?
            }
            Target::There(node) => {
                self.ask_leader(shard, node, Message::Watch(shard, watch), PATIENCE).await?
            }
            Target::Nowhere => return Err(NoAnswer),
        };
        if let Reply::Watched(watched) = reply { Ok(watched) } else { Err(NoAnswer) }
    }

    /// Answers a node that follows a shard that this node may lead.
    pub(crate) async fn watch_here(&self, shard: ShardId, from: NodeId, watch: Watch) -> Reply {
        let hosted = self.hosted(shard).unwrap_or_default();
        if let Some(inbox) = hosted.inbox.filter(|_| !probe::buggify!(WatchUnanswered)) {
            let (sender, receiver) = oneshot::channel();
            let is_sent = inbox.send(Item::Watch(from, watch, sender)).is_ok();
            // A shard that ends without a word has not confirmed that it leads.
            if is_sent && let Ok(watched) = receiver.await {
                return Reply::Watched(watched);
            }
        }
        Reply::NotHere(hosted.group.and_then(|it| it.leader_node()))
    }

    /// Asks a node that may lead a shard.
    async fn ask_leader(
        &self,
        shard: ShardId,
        node: NodeId,
        message: Message,
        limit: Duration,
    ) -> Result<Reply, NoAnswer> {
        let (place, body) = ((node, LANE), message.encode());
        let was_up = !self.0.detector.is_down(node);
        let asked = tokio::select! {
            biased;
            asked = self.0.peers.ask(place, limit, Topic::Node, &body) => asked,
            // Nobody there answers any more. What was asked may have happened.
            () = self.0.detector.falls(node), if was_up => {
                probe::sometimes!(FellWhileAsked);
                Err(NoAnswer)
            }
        };
        let reply = asked.and_then(|bytes| Reply::decode(&bytes).map_err(|_layout| NoAnswer));
        if let Ok(Reply::NotHere(leader)) = &reply {
            probe::sometimes!(Redirected, leader.is_some());
            self.learn(shard, leader.filter(|it| *it != node));
        } else if reply.is_err() {
            self.learn(shard, None);
        }
        reply
    }

    /// Asks another node how it is doing. None: it counts as down, or does not say so in time.
    pub(crate) async fn ask_report(&self, node: NodeId) -> Option<NodeReport> {
        let body = Message::Report.encode();
        let asked = tokio::select! {
            biased;
            () = self.0.detector.falls(node) => return None,
            asked = self.0.peers.ask((node, LANE), PATIENCE, Topic::Node, &body) => asked.ok()?,
        };
        if let Ok(Reply::Report(report)) = Reply::decode(&asked) { Some(report) } else { None }
    }

    /// Sends what has changed in a shard to a node that follows it.
    pub(crate) fn send_frame(&self, to: NodeId, shard: ShardId, frame: Frame) {
        let body = Message::Frame(shard, frame).encode();
        for _ in 0..=u8::from(probe::buggify!(FrameTwice)) {
            self.0.peers.tell(to, LANE, Topic::Node, &body);
        }
    }

    /// Answers who is in the group of a shard that this node may lead.
    pub(crate) async fn members_here(&self, shard: ShardId) -> Reply {
        let group = self.hosted(shard).unwrap_or_default().group;
        let leader = group.as_ref().and_then(Group::leader_node);
        if let Some(group) = group
            && (group.reign().is_some() && group.is_confirmed().await
                || probe::mutant!(MembersUnconfirmed))
        {
            let Status { voters, learners, is_changing, .. } = group.status();
            return Reply::Members(Members { voters, learners, is_changing });
        }
        Reply::NotHere(leader.filter(|it| *it != self.0.peers.me()))
    }

    /// Counts the times that something is sent to whoever may lead.
    fn guess(&self) -> u32 {
        self.0.guesses.with(|it| {
            *it = it.wrapping_add(2);
            *it
        })
    }

    /// Hands something to a shard, if its leader is found. Nobody learns whether it arrived: what
    /// matters is sent again by who said it.
    pub fn hand(&self, shard: ShardId, input: Input, message: impl FnOnce() -> Message) {
        let target = self.target(shard, self.guess());
        tracing::trace!(shard = shard.0, ?target, ?input);
        match target {
            Target::Here(inbox) => {
                if inbox.send(Item::Input(input)).is_err() {
                    tracing::debug!(shard = shard.0, "the shard is busy");
                }
            }
            Target::There(node) => {
                let body = message().encode();
                self.0.peers.tell(node, LANE, Topic::Node, &body);
            }
            Target::Nowhere => {}
        }
    }

    /// Hands something that came `from` another node to a shard that this node leads. If it does not,
    /// the other is told who may.
    pub fn take(&self, from: NodeId, shard: ShardId, input: Input) {
        let hosted = self.hosted(shard).unwrap_or_default();
        tracing::trace!(shard = shard.0, from = from.0, is_here = hosted.inbox.is_some(), ?input);
        let Some(inbox) = hosted.inbox else {
            let leader = hosted.group.and_then(|it| it.leader_node()).filter(|it| *it != from);
            let body = Message::Elsewhere(shard, leader).encode();
            return self.0.peers.tell(from, LANE, Topic::Node, &body);
        };
        if inbox.send(Item::Input(input)).is_err() {
            tracing::debug!(shard = shard.0, "the shard is busy");
        }
    }
}

/// Says what became of a request, where its shard is led.
fn log_answer(shard: ShardId, trace: Trace, answer: &Answer, took: Duration) {
    let shard = shard.0;
    match answer {
        Answer::Failure(failure) if failure.is_for_people() => {
            tracing::warn!(%trace, shard, ?took, %failure, "a request failed");
        }
        Answer::Failure(failure) => tracing::debug!(%trace, shard, ?took, %failure, "not answered"),
        Answer::Outcome(_) if took >= SLOW => tracing::info!(%trace, shard, ?took, "answered late"),
        Answer::Outcome(_) => tracing::debug!(%trace, shard, ?took, "answered"),
    }
}
