//! Finds the leader of a shard, wherever it is, and asks it until it answers or time is up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::executor::Input;
use cluster::meta::Roster;
use cluster::request::{Answer, Failure, Request, Verb};
use cluster::slots::{META, ShardId};
use cluster::transport::{Lane, NodeId};
use entity::Time;
use raft::group::Group;
use raft::home::Moment;
use raft::peers::{NoAnswer, Peers, Question, Topic};
use raft::shared::Shared;
use tokio::sync::{mpsc, oneshot, watch};

use crate::shard::{Inbox, Item};
use crate::wire::{Message, Reply};

/// How long another node is waited for before the next one is asked.
const PATIENCE: Duration = Duration::from_secs(1);

/// Pause before the second attempt. Each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(5);

/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// The lane of what is not replication: far above every group.
const LANE: u32 = 1 << 31;

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
    learned: Shared<BTreeMap<ShardId, Learned>>,
}

/// What answers have told of a shard.
#[derive(Clone, Copy, Default)]
struct Learned {
    leader: Option<NodeId>,
    time: Time,
}

enum Target {
    Here(Inbox),
    There(NodeId),
    Nowhere,
}

/// Requests that are not settled, by their places, with the last answer.
struct Open {
    shard: ShardId,
    requests: Vec<Request>,
    answers: Vec<Option<Answer>>,
    /// Whether an attempt may have arrived without an answer.
    in_doubt: bool,
}

impl Router {
    /// The way from one node. `seeds` are asked for the meta group while the roster is empty.
    pub fn new(peers: Peers, roster: watch::Receiver<Arc<Roster>>, seeds: Vec<NodeId>) -> Self {
        let (hosted, learned) = (Shared::default(), Shared::default());
        Self(Arc::new(Inner { peers, roster, seeds, hosted, learned }))
    }

    /// The nodes and shards as this node knows them.
    pub fn roster(&self) -> Arc<Roster> {
        self.0.roster.borrow().clone()
    }

    /// The other nodes.
    pub fn peers(&self) -> &Peers {
        &self.0.peers
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
        self.0.learned.with(|learned| learned.get(&shard).map_or(Time::default(), |it| it.time))
    }

    /// Asks entities of one shard, and yields the answers in order. Attempts are repeated under the
    /// names that the requests have, until `deadline` by this node's clock.
    pub async fn ask(
        &self,
        shard: ShardId,
        requests: Vec<Request>,
        deadline: Moment,
    ) -> Vec<Answer> {
        let answers = vec![None; requests.len()];
        let mut open = Open { shard, requests, answers, in_doubt: false };
        let (home, mut attempt) = (self.0.peers.home(), 0);
        loop {
            let left = deadline - home.now();
            self.attempt(&mut open, attempt, left.min(PATIENCE)).await;
            attempt += 1;
            let pause = pause(attempt, home.seed());
            if open.is_settled() || home.now() + pause >= deadline {
                return open.end();
            }
            home.sleep(pause).await;
        }
    }

    async fn attempt(&self, open: &mut Open, attempt: u32, limit: Duration) {
        let (places, requests) = open.unsettled();
        let (shard, count) = (open.shard, requests.len());
        let reply = match self.target(shard, attempt) {
            Target::Here(inbox) => self.ask_here(shard, &inbox, requests, limit).await,
            Target::There(node) => self.ask_there(shard, node, requests, limit).await,
            Target::Nowhere => Ok(vec![Answer::Failure(Failure::Moved); count]),
        };
        match reply {
            Ok(answers) => {
                for (place, answer) in places.into_iter().zip(answers) {
                    open.answers[place] = Some(answer);
                }
            }
            Err(NoAnswer) => open.in_doubt = true,
        }
    }

    /// Where the leader of a shard may be. Members are tried in turn when nobody knows.
    fn target(&self, shard: ShardId, attempt: u32) -> Target {
        let hosted = self.hosted(shard).unwrap_or_default();
        if let Some(inbox) = hosted.inbox {
            return Target::Here(inbox);
        }
        let me = self.0.peers.me();
        let learned = self.0.learned.with(|it| it.get(&shard).and_then(|it| it.leader));
        let known = learned.or_else(|| hosted.group.and_then(|it| it.leader_node()));
        if let Some(node) = known.filter(|it| *it != me) {
            return Target::There(node);
        }
        let roster = self.roster();
        let members = roster.members(shard).into_iter().map(|it| NodeId(it.node));
        let mut others: Vec<_> = members.filter(|it| *it != me).collect();
        if shard == META && roster.members(META).is_empty() {
            others.extend(self.0.seeds.iter().filter(|it| **it != me));
        }
        match others.get(attempt as usize % others.len().max(1)) {
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
        let asked = tokio::time::timeout(home.true_time(limit), ask_inbox(inbox, requests)).await;
        let (answers, time) = asked.map_err(|_late| NoAnswer)?;
        self.learn(shard, |it| it.time = it.time.max(time));
        Ok(answers)
    }

    async fn ask_there(
        &self,
        shard: ShardId,
        node: NodeId,
        requests: Vec<Request>,
        limit: Duration,
    ) -> Result<Vec<Answer>, NoAnswer> {
        let (count, body) = (requests.len(), Message::Requests(shard, requests).encode());
        let asked = self.0.peers.ask((node, Lane(LANE)), limit, Topic::Node, &body).await;
        let moved = vec![Answer::Failure(Failure::Moved); count];
        match asked.map(|bytes| Reply::decode(&bytes)) {
            Ok(Ok(Reply::Answers(answers, time))) if answers.len() == count => {
                self.learn(shard, |it| {
                    *it = Learned { leader: Some(node), time: it.time.max(time) };
                });
                Ok(answers)
            }
            Ok(Ok(Reply::NotHere(leader))) => {
                let leader = leader.filter(|it| *it != node);
                self.learn(shard, |it| it.leader = leader);
                Ok(moved)
            }
            Ok(Ok(Reply::Answers(..) | Reply::Here) | Err(_)) | Err(NoAnswer) => {
                self.learn(shard, |it| it.leader = None);
                Err(NoAnswer)
            }
        }
    }

    fn learn(&self, shard: ShardId, learn: impl FnOnce(&mut Learned)) {
        self.0.learned.with(|learned| learn(learned.entry(shard).or_default()));
    }

    /// Answers what another node asks of a shard that this node may lead.
    pub async fn answer(&self, shard: ShardId, requests: Vec<Request>) -> Reply {
        let hosted = self.hosted(shard).unwrap_or_default();
        match hosted.inbox {
            Some(inbox) => {
                let (answers, time) = ask_inbox(&inbox, requests).await;
                Reply::Answers(answers, time)
            }
            None => Reply::NotHere(hosted.group.and_then(|it| it.leader_node())),
        }
    }

    /// Hands something to a shard, if its leader is found. Nobody learns whether it arrived: what
    /// matters is sent again by who said it.
    pub fn hand(&self, shard: ShardId, input: Input, message: impl FnOnce() -> Message) {
        match self.target(shard, 0) {
            Target::Here(inbox) => {
                if inbox.send(Item::Input(input)).is_err() {
                    tracing::debug!(shard = shard.0, "the shard is busy");
                }
            }
            Target::There(node) => {
                let body = message().encode();
                self.0.peers.tell(node, Lane(LANE), Topic::Node, &body);
            }
            Target::Nowhere => {}
        }
    }

    /// Hands something that came from another node to a shard that this node leads.
    pub fn take(&self, shard: ShardId, input: Input) {
        let inbox = self.hosted(shard).and_then(|it| it.inbox);
        if let Some(inbox) = inbox
            && inbox.send(Item::Input(input)).is_err()
        {
            tracing::debug!(shard = shard.0, "the shard is busy");
        }
    }
}

/// Asks a shard that is led here.
async fn ask_inbox(inbox: &Inbox, requests: Vec<Request>) -> (Vec<Answer>, Time) {
    let ask = |request| {
        let (sender, receiver) = oneshot::channel();
        inbox.send(Item::Request(request, sender)).map(|()| receiver)
    };
    let asked: Vec<_> = requests.into_iter().map(ask).collect();
    let (mut answers, mut latest) = (Vec::with_capacity(asked.len()), Time::default());
    for asked in asked {
        let answer = match asked {
            // The shard has ended without a word: it may have gone far with it.
            Ok(receiver) => receiver.await.unwrap_or((Answer::Failure(Failure::Unknown), latest)),
            Err(failure) => (Answer::Failure(failure), latest),
        };
        latest = latest.max(answer.1);
        answers.push(answer.0);
    }
    (answers, latest)
}

fn pause(attempt: u32, chance: u64) -> Duration {
    let pause = (PAUSE_MIN * 2_u32.saturating_pow(attempt.min(16))).min(PAUSE_MAX);
    // Half of it by chance, so that those who wait for one shard do not come at once.
    pause / 2 + (pause / 2) * u32::try_from(chance % 1_024).expect("small") / 1_024
}

impl Open {
    /// The places and requests that another attempt can settle.
    fn unsettled(&self) -> (Vec<usize>, Vec<Request>) {
        let places = 0..self.requests.len();
        let places: Vec<_> = places.filter(|it| !is_final(self.answers[*it].as_ref())).collect();
        let requests = places.iter().map(|it| self.requests[*it].clone()).collect();
        (places, requests)
    }

    fn is_settled(&self) -> bool {
        self.answers.iter().all(|it| is_final(it.as_ref()))
    }

    /// Time is up: what may have arrived is unknown.
    fn end(self) -> Vec<Answer> {
        let Self { requests, answers, in_doubt, .. } = self;
        let end = |(request, answer): (Request, Option<Answer>)| {
            let is_command = matches!(request.verb, Verb::Command(_));
            match answer {
                Some(answer) if is_final(Some(&answer)) => answer,
                Some(Answer::Failure(Failure::Unknown)) if is_command => {
                    Answer::Failure(Failure::Unknown)
                }
                _ if in_doubt && is_command => Answer::Failure(Failure::Unknown),
                _ => Answer::Failure(Failure::Moved),
            }
        };
        requests.into_iter().zip(answers).map(end).collect()
    }
}

/// Whether another attempt would not do better.
fn is_final(answer: Option<&Answer>) -> bool {
    match answer {
        None => false,
        Some(Answer::Failure(failure)) => !matches!(failure, Failure::Moved | Failure::Unknown),
        Some(Answer::Outcome(_)) => true,
    }
}
