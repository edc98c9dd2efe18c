//! All of it: machines, a network, clients.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::meta::api::Found;
use cluster::meta::{Member, NodeRecord};
use cluster::placement::{Candidate, place};
use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use raft::group::Group;
use raft::machine::Changed;
use raft::shared::Shared;
use runtime::meta;
use runtime::node::Node;
use tokio::time::Instant;

use super::load::{Counts, Crews};
use super::machine::{Machine, Parts};
use super::mishap::true_time;
use super::net::Net;
use super::plan::Plan;
use super::readers::{self, Readers};
use super::sockets::state::Sockets;
use super::watch::Oracle;
use crate::chance::Chance;
use crate::workloads::catalogue;
use crate::world::trace::Trace;

/// Machines, a network, clients.
pub struct World {
    /// What every node is made of.
    pub parts: Parts,
    /// Everything that happened.
    pub trace: Shared<Trace>,
    /// How much of it.
    pub counts: Counts,
    /// What must be true of it.
    pub oracle: Arc<Shared<Oracle>>,
    /// What readers saw.
    pub readers: Arc<Shared<Readers>>,
    /// Who is connected, if anybody is.
    pub sockets: Option<Rc<Sockets>>,
    pub(super) began: Instant,
    pub(super) phase: Cell<Phase>,
    pub(super) machines: RefCell<BTreeMap<NodeId, Machine>>,
    /// The nodes that run, for the network.
    pub(super) up: RefCell<BTreeMap<NodeId, Node>>,
    pub(super) crews: Crews,
    pub(super) is_rotten: Cell<bool>,
    /// What watchers of nodes saw and nobody noted yet.
    seen: Arc<Shared<Vec<(u32, u32, u64)>>>,
}

/// How far a world is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Workloads lay their ground; nothing goes wrong.
    Setup,
    /// Clients do what they do, and everything goes wrong.
    Faults,
    /// Nothing goes wrong any more, and nothing new begins.
    Calm,
}

impl World {
    /// A world whose machines are off. Call it inside its runtime.
    pub fn new(plan: Plan, is_printed: bool) -> Rc<Self> {
        let Plan { pull_above_followers, guest, .. } = plan;
        let mut registry = catalogue::registry(pull_above_followers, guest);
        node::gateway::register(&mut registry);
        let registry = Arc::new(registry);
        let nodes: Vec<_> = (1..=plan.nodes).map(NodeId).collect();
        let candidates: Vec<_> = nodes.iter().map(|it| Candidate::new(*it, "", 100)).collect();
        let placed = place(META, &candidates, usize::from(plan.copies));
        let founders = placed.into_iter().map(|it| Member { node: it.0, life: 1 }).collect();
        let crews = catalogue::crews(plan.seed, &plan.workloads, pull_above_followers, guest);
        let machines = nodes.iter().map(|it| (*it, Machine::new(plan.seed, *it))).collect();
        let net = Net::new(plan.seed);
        let sockets = plan.sockets.clone().map(|it| Rc::new(Sockets::new(it)));
        Rc::new(Self {
            parts: Parts { plan, net, registry, founders },
            trace: Shared::new(Trace::new(is_printed)),
            counts: Counts::default(),
            oracle: Arc::default(),
            readers: Arc::default(),
            sockets,
            began: Instant::now(),
            phase: Cell::new(Phase::Setup),
            machines: RefCell::new(machines),
            up: RefCell::default(),
            crews: RefCell::new(crews),
            is_rotten: Cell::new(false),
            seen: Arc::default(),
        })
    }

    /// Switches all machines on and founds the cluster.
    pub(super) async fn begin(self: &Rc<Self>) {
        let net = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let carried =
                |from: NodeId, to: NodeId, message: &Bytes| net.carried(from, to, message);
            net.parts.net.carry(&net.up, carried).await;
        });
        for node in self.nodes() {
            self.switch_on(node).await;
        }
        let plan = &self.parts.plan;
        let node = |node: NodeId| NodeRecord {
            name: format!("n{}", node.0),
            disk: u128::from(node.0),
            zone: String::new(),
            weight: 100,
            address: String::new(),
            release: entity::Release::NEWEST.0,
        };
        let found = Found {
            name: "world".to_owned(),
            shards: plan.shards,
            copies: plan.copies,
            nodes: self.nodes().map(node).collect(),
        };
        let mut chance = Chance::of(plan.seed, "founding");
        for _ in 0..100 {
            let client = self.any_client(&mut chance).expect("all machines are on");
            let founded = meta::command(client.router(), "found".to_owned(), &found);
            if founded.await.is_ok() {
                return;
            }
        }
        self.blame("the cluster is not founded");
    }

    /// Every node, whether it runs or not.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.parts.plan.nodes).map(NodeId)
    }

    pub(super) async fn switch_on(self: &Rc<Self>, node: NodeId) {
        self.note("on", &[u64::from(node.0)], &[]);
        let (oracle, seen) = (Arc::clone(&self.oracle), Arc::clone(&self.seen));
        let committed = self.sockets.as_ref().map(|it| it.watch());
        let watch = move |changed: &Changed<'_>| {
            if let Some(committed) = &committed {
                committed(changed);
            }
            oracle.with(|oracle| oracle.changed(node, changed));
            seen.with(|seen| seen.push((node.0, changed.group, changed.applied)));
        };
        let oracle = Arc::clone(&self.oracle);
        let on_failure =
            move |what: &str| oracle.with(|it| it.blame(format!("node {}: {what}", node.0)));
        let Some(mut machine) = self.machines.borrow_mut().remove(&node) else { return };
        machine.start(&self.parts, Arc::new(watch), on_failure).await;
        if let Some(running) = &machine.running {
            self.up.borrow_mut().insert(node, running.node.clone());
            if self.parts.plan.workloads.contains(&"counter") {
                readers::begin(&self.readers, &running.home, &running.client, self.began);
            }
        }
        self.machines.borrow_mut().insert(node, machine);
        self.open_door(node);
    }

    /// Clients are served by a node from now on, if it runs.
    pub(super) fn open_door(&self, node: NodeId) {
        let machines = self.machines.borrow();
        let running = machines.get(&node).and_then(|it| it.running.as_ref());
        if let (Some(sockets), Some(running)) = (&self.sockets, running) {
            sockets.open(node, &running.home, &running.client, &running.clock);
        }
    }

    /// Cuts the power of a machine. Nothing of its node may be left.
    pub(super) async fn switch_off(&self, node: NodeId) {
        self.note("off", &[u64::from(node.0)], &[]);
        self.up.borrow_mut().remove(&node);
        let killed = self.machines.borrow_mut().get_mut(&node).and_then(Machine::kill);
        let Some(killed) = killed else { return };
        tokio::time::sleep(Duration::from_micros(1)).await;
        let left = killed.home.tasks();
        if left > 0 {
            self.blame(&format!("{left} tasks of node {} have survived it", node.0));
        }
    }

    /// The members of a shard's group that run.
    pub(super) fn groups(&self, shard: ShardId) -> Vec<Group> {
        let up = self.up.borrow();
        up.values().filter_map(|it| it.router().hosted(shard)?.group).collect()
    }

    fn carried(&self, from: NodeId, to: NodeId, message: &Bytes) {
        self.counts.messages.set(self.counts.messages.get() + 1);
        for (node, group, applied) in self.seen.with(std::mem::take) {
            self.note("applied", &[u64::from(node), u64::from(group), applied], &[]);
        }
        self.note("message", &[u64::from(from.0), u64::from(to.0)], message);
    }

    pub(super) fn note(&self, what: &str, numbers: &[u64], bytes: &[u8]) {
        let now = true_time(self.began);
        self.trace.with(|trace| trace.note(now, what, numbers, bytes));
    }

    pub(super) fn blame(&self, what: &str) {
        self.oracle.with(|oracle| oracle.blame(what));
    }

    /// Whether something was wrong.
    pub(super) fn is_wrong(&self) -> bool {
        if let Some(what) = self.readers.with(|it| it.violation.take()) {
            self.blame(&format!("reader: {what}"));
        }
        self.oracle.with(|oracle| oracle.violation.is_some())
    }
}
