//! Questions to other nodes and their answers, over a transport that only sends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use cluster::transport::{Class, Lane, NodeId, Transport};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::home::Home;
use crate::shared::Shared;

/// What a message is about: whose it is at the receiver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Topic {
    /// The replication of a group.
    Raft = 1,
    /// What the runtimes of nodes say to each other.
    Node = 2,
}

/// The other nodes, as this node sees them. Clones are the same.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    me: NodeId,
    home: Home,
    transport: Arc<dyn Transport>,
    calls: Shared<Calls>,
    /// Whether it hears nobody.
    is_alone: AtomicBool,
}

#[derive(Default)]
struct Calls {
    last: u64,
    waiting: BTreeMap<u64, Call>,
}

struct Call {
    to: NodeId,
    topic: Topic,
    answer: oneshot::Sender<Bytes>,
}

/// No answer came in time. Whether the question arrived is unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoAnswer;

/// Something that arrived and is not an answer.
#[derive(Debug)]
pub struct Incoming {
    /// The sender.
    pub from: NodeId,
    /// What it is about.
    pub topic: Topic,
    /// What it says.
    pub body: Bytes,
    /// Where an answer goes, if one is expected.
    pub question: Option<Question>,
}

/// Somebody waits for an answer.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    from: NodeId,
    lane: Lane,
    number: u64,
}

const TELL: u8 = 0;
const ASK: u8 = 1;
const ANSWER: u8 = 2;
/// Somebody who hears nobody calls. It is no sign that whoever calls is of any use.
const CALL: u8 = 3;

/// Kind, topic, number, class, lane.
const HEAD_BYTES: usize = 15;

impl Peers {
    /// The way from `me` to all others.
    pub fn new(me: NodeId, home: Home, transport: Arc<dyn Transport>) -> Self {
        // Numbers of an earlier life are not used again soon: a late answer must not fit.
        let calls = Shared::new(Calls { last: home.seed() >> 16, waiting: BTreeMap::new() });
        Self(Arc::new(Inner { me, home, transport, calls, is_alone: AtomicBool::new(false) }))
    }

    /// This node.
    pub fn me(&self) -> NodeId {
        self.0.me
    }

    /// The node that tasks belong to.
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    /// Sends without expecting an answer.
    pub fn tell(&self, to: NodeId, lane: Lane, topic: Topic, body: &[u8]) {
        self.send((to, lane), (TELL, topic as u8, 0), body);
    }

    /// Asks, and waits for the answer at most for `limit`, by this node's clock.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] when question or answer is lost or late, or the other cannot answer.
    pub async fn ask(
        &self,
        (to, lane): (NodeId, Lane),
        limit: Duration,
        topic: Topic,
        body: &[u8],
    ) -> Result<Bytes, NoAnswer> {
        let (answer, receiver) = oneshot::channel();
        let number = self.0.calls.with(|calls| {
            calls.last += 1;
            calls.waiting.insert(calls.last, Call { to, topic, answer });
            calls.last
        });
        let waiting = Waiting { inner: &self.0, number };
        self.send((to, lane), (ASK, topic as u8, number), body);
        let answer = timeout(self.0.home.true_time(limit), receiver).await;
        drop(waiting);
        answer.map_err(|_late| NoAnswer)?.map_err(|_dropped| NoAnswer)
    }

    /// Answers a question.
    pub fn answer(&self, question: Question, body: &[u8]) {
        self.send((question.from, question.lane), (ANSWER, 0, question.number), body);
    }

    /// A node is back. It was asked in vain while it was away, and what replicates need not wait for that any
    /// longer.
    pub fn is_back(&self, node: NodeId) {
        let is_in_vain = |call: &Call| call.to == node && call.topic == Topic::Raft;
        self.0.calls.with(|calls| calls.waiting.retain(|_, call| !is_in_vain(call)));
    }

    /// This node hears nobody: from now on it only calls, until it hears somebody. What else it said would
    /// have others wait for one that does not hear their answers.
    pub fn fall_silent(&self) {
        self.0.is_alone.store(true, Ordering::Relaxed);
    }

    /// Calls a node: if it hears that, it says something.
    pub fn call(&self, to: NodeId) {
        self.send((to, Lane::CONTROL), (CALL, Topic::Node as u8, 0), &[]);
    }

    /// Somebody is heard. Yields whether they only call.
    pub fn hear(&self, message: &Bytes) -> bool {
        self.0.is_alone.store(false, Ordering::Relaxed);
        message.first() == Some(&CALL)
    }

    /// Takes in what arrived from `from`. What is no message of ours is dropped.
    pub fn receive(&self, from: NodeId, mut message: Bytes) -> Option<Incoming> {
        if message.len() < HEAD_BYTES {
            return None;
        }
        let (kind, topic, number) = (message.get_u8(), message.get_u8(), message.get_u64_le());
        let (class, lane) = (message.get_u8(), message.get_u32_le());
        let lane = Lane { class: *Class::ALL.get(usize::from(class))?, number: lane };
        if kind == ANSWER {
            self.settle(from, number, message);
            return None;
        }
        let topic = [Topic::Raft, Topic::Node].into_iter().find(|it| *it as u8 == topic)?;
        let question = match kind {
            TELL => None,
            ASK => Some(Question { from, lane, number }),
            _ => return None,
        };
        Some(Incoming { from, topic, body: message, question })
    }

    fn settle(&self, from: NodeId, number: u64, body: Bytes) {
        let call = self.0.calls.with(|calls| {
            let is_asked = calls.waiting.get(&number).is_some_and(|it| it.to == from);
            if is_asked { calls.waiting.remove(&number) } else { None }
        });
        if let Some(call) = call {
            // Whoever asked may have given up this moment.
            drop(call.answer.send(body));
        }
    }

    fn send(&self, (to, lane): (NodeId, Lane), (kind, topic, number): (u8, u8, u64), body: &[u8]) {
        if kind != CALL && self.0.is_alone.load(Ordering::Relaxed) {
            return;
        }
        let mut message = Vec::with_capacity(HEAD_BYTES + body.len());
        message.put_u8(kind);
        message.put_u8(topic);
        message.put_u64_le(number);
        message.put_u8(lane.class as u8);
        message.put_u32_le(lane.number);
        message.put_slice(body);
        self.0.transport.send(to, lane, message.into());
    }
}

/// Forgets a question when nobody waits for its answer any more.
struct Waiting<'a> {
    inner: &'a Inner,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.inner.calls.with(|calls| calls.waiting.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Drift;

    /// Keeps the last message.
    #[derive(Default)]
    struct Last(Shared<Bytes>);

    impl Transport for Last {
        fn send(&self, _: NodeId, _: Lane, message: Bytes) {
            self.0.with(|it| *it = message);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_replicates_is_not_waited_for_once_its_node_is_back() {
        let peers =
            Peers::new(NodeId(1), Home::new(1, Drift::default()), Arc::new(Last::default()));
        let (home, began) = (peers.home().clone(), peers.home().now());
        let lane = |node| (NodeId(node), Lane::usual(7));
        let limit = Duration::from_secs(1);
        let ask = async |node, topic| {
            let answer = peers.ask(lane(node), limit, topic, b"body").await;
            assert_eq!(answer, Err(NoAnswer));
            home.now() - began
        };
        let back = async {
            home.sleep(limit / 10).await;
            peers.is_back(NodeId(2));
        };
        let (asked, other, request, ()) =
            tokio::join!(ask(2, Topic::Raft), ask(3, Topic::Raft), ask(2, Topic::Node), back);
        assert!(asked < limit / 5 && other >= limit && request >= limit);
    }

    #[test]
    fn whatever_comes_is_taken_in_or_dropped() {
        let last = Arc::new(Last::default());
        let transport = Arc::clone(&last) as Arc<dyn Transport>;
        let peers = Peers::new(NodeId(1), Home::new(1, Drift::default()), transport);
        peers.tell(NodeId(2), Lane::bulk(7), Topic::Raft, b"body");
        let seed = last.0.with(|it| it.clone());
        fuzz::target("peers").seeds([seed]).run(|bytes| {
            let message = Bytes::copy_from_slice(bytes);
            let Some(incoming) = peers.receive(NodeId(2), message) else { return };
            assert!(bytes.ends_with(&incoming.body));
            if let Some(question) = incoming.question {
                peers.answer(question, &incoming.body);
                let answer = last.0.with(|it| it.clone());
                // Its number and lane come back.
                assert_eq!(answer[2..], bytes[2..]);
                assert!(peers.receive(NodeId(2), answer).is_none());
            }
        });
    }
}
