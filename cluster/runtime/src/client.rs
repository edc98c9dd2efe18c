//! Sends commands and questions to entities, wherever they are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::limits::SKEW_MAX;
use cluster::request::{Answer, Failure, Request, RequestId, Trace, Verb};
use cluster::sender::{Sender, Sent};
use cluster::slots::ShardId;
use cluster::stream::Mark;
use entity::{Caller, Time, operation};
use raft::home::Moment;
use raft::shared::Shared;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::follow::follower::{Follower, Kept};
use crate::meta;
use crate::node::Node;
use crate::router::Router;

/// How long a caller's request is tried.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(10);

/// Sends requests to entities. Clones are the same.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    trace: Trace,
}

struct Inner {
    node: Node,
    router: Router,
    clock: Arc<dyn Clock>,
    /// Empty until the meta group has given it an incarnation.
    sender: OnceCell<Shared<Sender>>,
}

/// A command that has a name. Nobody asks for it again once whoever did has their answer, or has gone
/// away without: a number that were never given back would fill the sender's window for ever.
struct Asked<'a> {
    sender: &'a Shared<Sender>,
    sent: Sent,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.sender.with(|sender| sender.answered(self.sent));
    }
}

impl Client {
    /// A client of one life of a node. It takes an incarnation when it first has to name a command.
    pub fn new(node: &Node, clock: Arc<dyn Clock>) -> Self {
        let (node, router) = (node.clone(), node.router().clone());
        let inner = Arc::new(Inner { node, router, clock, sender: OnceCell::new() });
        Self { inner, trace: Trace::default() }
    }

    /// The same, for what belongs to a trace.
    #[must_use]
    pub fn traced(&self, trace: Trace) -> Self {
        Self { trace, ..self.clone() }
    }

    /// The streams that its node follows.
    pub fn follower(&self) -> &Follower {
        self.inner.node.follower()
    }

    /// The node that it goes in through.
    pub fn node(&self) -> &Node {
        &self.inner.node
    }

    /// The time of day on its node.
    pub fn now(&self) -> Time {
        self.inner.clock.now()
    }

    /// The way to the shards.
    pub fn router(&self) -> &Router {
        &self.inner.router
    }

    /// Sends a command. `key` is a name that a caller chose; without one roost names it.
    pub async fn command(
        &self,
        caller: Caller,
        key: Option<RequestId>,
        request: operation::Request,
    ) -> Answer {
        let (router, deadline) = (&self.inner.router, self.deadline());
        let shard = match self.home(&request, deadline).await {
            Ok(shard) => shard,
            Err(failure) => return Answer::Failure(failure),
        };
        if let Some(key) = key {
            return self.send((shard, deadline), caller, Verb::Command(key), request).await;
        }
        // One of those who wait asks, and when that has failed the next one does.
        let home = router.peers().home();
        let named = timeout(home.true_time(deadline - home.now()), self.sender());
        let sender = match named.await.unwrap_or_else(|_late| Err("nobody has said it".to_owned()))
        {
            Ok(sender) => sender,
            Err(why) => {
                tracing::warn!(why, "a command has no name");
                return Answer::Failure(Failure::Moved);
            }
        };
        let mut birth = self.inner.clock.now().max(router.time(shard));
        loop {
            let Some((sent, id)) = sender.with(|sender| sender.name(shard, birth)) else {
                return Answer::Failure(Failure::Overloaded);
            };
            let asked = Asked { sender, sent };
            let to = (shard, deadline);
            let answer = self.send(to, caller.clone(), Verb::Command(id), request.clone()).await;
            drop(asked);
            let told = router.time(shard);
            if answer != Answer::Failure(Failure::Expired) || birth <= told + SKEW_MAX {
                return answer;
            }
            // The clock here is ahead, and no shard executes a command of its own future: it goes again, by
            // the time that the shard has told.
            birth = told;
        }
    }

    async fn send(
        &self,
        (shard, deadline): (ShardId, Moment),
        caller: Caller,
        verb: Verb,
        request: operation::Request,
    ) -> Answer {
        let mark = Mark::of(&request.to);
        let request = self.with(caller, verb, request);
        let answer = one(self.inner.router.ask(shard, vec![request], deadline).await);
        // Whoever has changed something finds it changed here, even before its shard has said so.
        self.follower().forget(shard, mark);
        answer
    }

    /// Who names commands: nobody else does so under the same incarnation, nor ever did.
    async fn sender(&self) -> Result<&Shared<Sender>, String> {
        let take = || async {
            let incarnation = meta::take_incarnation(&self.inner.router).await?;
            Ok(Shared::new(Sender::new(incarnation)))
        };
        self.inner.sender.get_or_try_init(take).await
    }

    /// Asks many entities at once, one message for each shard among them. Answers in order.
    pub async fn ask(&self, caller: Caller, requests: Vec<operation::Request>) -> Vec<Answer> {
        self.ask_unless(caller, requests, |_, _, _| None).await
    }

    /// The same, but each answer may be as old as a shard is trusted to say what changes: one second.
    pub async fn ask_recent(
        &self,
        caller: Caller,
        requests: Vec<operation::Request>,
    ) -> Vec<Answer> {
        let (deadline, mut asked, mut coming) = (self.deadline(), Vec::new(), Vec::new());
        let known = |index: usize, shard: ShardId, request: &Request| match self
            .follower()
            .kept(shard, request)
        {
            Kept::Answer(answer) => Some(answer),
            Kept::Coming(answer) => {
                coming.push((index, shard, request.clone(), answer));
                Some(Answer::Failure(Failure::Moved))
            }
            Kept::Asked(asking) => {
                asked.push((index, asking));
                None
            }
            Kept::Nothing => None,
        };
        let mut answers = self.ask_unless(caller, requests, known).await;
        // Others may wait for these: they are told before anything is waited for here.
        for (index, asking) in asked {
            asking.answered(answers[index].clone());
        }
        let coming = coming.into_iter().map(|(index, shard, request, answer)| async move {
            let answer = match answer.await {
                Ok(outcome) => Answer::Outcome(outcome),
                Err(_not_kept) => one(self.inner.router.ask(shard, vec![request], deadline).await),
            };
            (index, answer)
        });
        for (index, answer) in futures::future::join_all(coming).await {
            answers[index] = answer;
        }
        answers
    }

    /// Asks what is not `known`. Answers in order.
    async fn ask_unless(
        &self,
        caller: Caller,
        requests: Vec<operation::Request>,
        mut known: impl FnMut(usize, ShardId, &Request) -> Option<Answer>,
    ) -> Vec<Answer> {
        let (mut all, deadline) = (Vec::with_capacity(requests.len()), self.deadline());
        let mut groups: BTreeMap<ShardId, (Vec<usize>, Vec<Request>)> = BTreeMap::new();
        for (index, request) in requests.into_iter().enumerate() {
            let shard = match self.home(&request, deadline).await {
                Ok(shard) => shard,
                Err(failure) => {
                    all.push(Answer::Failure(failure));
                    continue;
                }
            };
            let request = self.with(caller.clone(), Verb::Query, request);
            if let Some(answer) = known(index, shard, &request) {
                all.push(answer);
                continue;
            }
            let (indices, requests) = groups.entry(shard).or_default();
            indices.push(index);
            requests.push(request);
            all.push(Answer::Failure(Failure::Moved));
        }
        let asked = groups.into_iter().map(|(shard, (indices, requests))| async move {
            (indices, self.inner.router.ask(shard, requests, deadline).await)
        });
        for (indices, answers) in futures::future::join_all(asked).await {
            for (index, answer) in indices.into_iter().zip(answers) {
                all[index] = answer;
            }
        }
        all
    }

    /// Where a request belongs. A node that has just begun waits until it knows the cluster.
    async fn home(
        &self,
        request: &operation::Request,
        deadline: Moment,
    ) -> Result<ShardId, Failure> {
        let (router, home) = (&self.inner.router, self.inner.router.peers().home());
        let mut rosters = router.rosters();
        loop {
            let found = rosters.borrow_and_update().home(&request.to);
            if found != Err(Failure::Moved) {
                return found;
            }
            tokio::select! {
                biased;
                changed = rosters.changed() => if changed.is_err() { return found },
                () = home.sleep_until(deadline) => return found,
            }
        }
    }

    fn with(&self, caller: Caller, verb: Verb, request: operation::Request) -> Request {
        let operation::Request { to, tag, body } = request;
        Request { to, caller, verb, tag, body: Bytes::from(body), trace: self.trace }
    }

    fn deadline(&self) -> Moment {
        self.inner.router.peers().home().now() + REQUEST_DEADLINE
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("node", &self.inner.router.peers().me())
            .finish_non_exhaustive()
    }
}

fn one(mut answers: Vec<Answer>) -> Answer {
    answers.pop().unwrap_or(Answer::Failure(Failure::Unknown))
}

#[cfg(test)]
mod tests {
    use entity::Time;

    use super::*;

    #[test]
    fn whoever_goes_away_without_an_answer_gives_the_number_back() {
        let sender = Shared::new(Sender::new(7));
        let name = || sender.with(|it| it.name(ShardId(1), Time(5))).expect("few wait");
        let (sent, _) = name();
        drop(Asked { sender: &sender, sent });
        let (_, RequestId::Inside { acknowledged, .. }) = name() else { panic!("a name of ours") };
        assert_eq!(acknowledged, 1);
    }
}
