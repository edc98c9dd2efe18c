//! Messages between nodes: with delay, loss and cuts, overtaken.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cluster::transport::{Lane, NodeId, Transport};
use raft::shared::Shared;
use runtime::node::Node;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::faults::Faults;
use crate::chance::{Chance, Odds};

/// The network between all nodes. Clones are the same.
#[derive(Clone)]
pub struct Net(Arc<Inner>);

struct Inner {
    state: Shared<State>,
    news: Notify,
}

struct State {
    chance: Chance,
    loss: Odds,
    overtaking: Odds,
    delay_micros: u64,
    /// Nobody hears the first from the second.
    cuts: BTreeSet<(NodeId, NodeId)>,
    /// What is on its way, by the moment of its arrival.
    parcels: BTreeMap<(Instant, u64), Parcel>,
    /// When the last message of a lane arrives: the next one is not earlier.
    lanes: BTreeMap<(NodeId, NodeId, Lane), Instant>,
    sent: u64,
}

struct Parcel {
    from: NodeId,
    to: NodeId,
    message: Bytes,
}

/// A node's way into the network.
pub struct Socket {
    /// The node.
    pub me: NodeId,
    /// The network.
    pub net: Net,
    /// Whether the machine is on.
    pub is_on: Arc<AtomicBool>,
}

impl Transport for Socket {
    fn send(&self, to: NodeId, lane: Lane, message: Bytes) {
        if self.is_on.load(Ordering::Relaxed) {
            self.net.send((self.me, to), lane, message);
        }
    }
}

impl Net {
    /// A network in which nothing goes wrong yet.
    pub fn new(seed: u64) -> Self {
        let state = State {
            chance: Chance::of(seed, "nodes: net"),
            loss: Odds::NEVER,
            overtaking: Odds::NEVER,
            delay_micros: 1_000,
            cuts: BTreeSet::new(),
            parcels: BTreeMap::new(),
            lanes: BTreeMap::new(),
            sent: 0,
        };
        Self(Arc::new(Inner { state: Shared::new(state), news: Notify::new() }))
    }

    /// Loses and delays messages from now on as `faults` says.
    pub fn suffer(&self, faults: &Faults) {
        self.0.state.with(|it| {
            (it.loss, it.delay_micros) = (faults.loss, faults.delay_micros);
            it.overtaking = faults.overtaking;
        });
    }

    /// Nobody hears `to` from `from` any more; the other direction is a cut of its own.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.0.state.with(|it| it.cuts.insert((from, to)));
    }

    /// `to` hears `from` again.
    pub fn mend(&self, from: NodeId, to: NodeId) {
        self.0.state.with(|it| it.cuts.remove(&(from, to)));
    }

    /// Ends all cuts.
    pub fn heal(&self) {
        self.0.state.with(|it| it.cuts.clear());
    }

    fn send(&self, (from, to): (NodeId, NodeId), lane: Lane, message: Bytes) {
        self.0.state.with(|state| {
            let is_local = from == to;
            let is_lost = state.chance.hits(state.loss) || state.cuts.contains(&(from, to));
            let delay = state.chance.lasting(100..=100 + state.delay_micros);
            if is_lost && !is_local {
                return;
            }
            let now = Instant::now();
            let last = state.lanes.entry((from, to, lane)).or_insert(now);
            let arrives = if state.chance.hits(state.overtaking) {
                now + delay
            } else {
                *last = (*last).max(now + delay);
                *last
            };
            state.sent += 1;
            state.parcels.insert((arrives, state.sent), Parcel { from, to, message });
        });
        self.0.news.notify_one();
    }

    /// Carries messages to the nodes there are, for ever. `carried` is told of each.
    pub async fn carry(
        &self,
        nodes: &RefCell<BTreeMap<NodeId, Node>>,
        carried: impl Fn(NodeId, NodeId, &Bytes),
    ) {
        loop {
            while let Some(Parcel { from, to, message }) = self.due() {
                carried(from, to, &message);
                let node = nodes.borrow().get(&to).cloned();
                if let Some(node) = node {
                    node.receive(from, message);
                }
            }
            let next = self.0.state.with(|it| it.parcels.first_key_value().map(|((at, _), _)| *at));
            let next = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
            tokio::select! {
                biased;
                () = self.0.news.notified() => {}
                () = sleep_until(next) => {}
            }
        }
    }

    fn due(&self) -> Option<Parcel> {
        self.0.state.with(|state| {
            let first = state.parcels.first_entry()?;
            (first.key().0 <= Instant::now()).then(|| first.remove())
        })
    }
}
