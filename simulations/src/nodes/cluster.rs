//! All of it: machines, a network, clients.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::meta::api::Found;
use cluster::meta::{Member, NodeRecord};
use cluster::placement::{Candidate, place};
use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use engine::State;
use raft::group::Group;
use raft::machine::Changed;
use raft::shared::Shared;
use runtime::meta;
use runtime::node::Node;
use tokio::time::Instant;

use super::bustle::Bustle;
use super::laws::{Applied, Laws};
use super::load::{Counts, Crews};
use super::machine::{Machine, Parts, Running};
use super::mishap::true_time;
use super::net::Net;
use super::plan::Plan;
use super::readers::{self, Readers};
use super::recorder::{Recorder, lane};
use super::sockets::state::Sockets;
use super::watch::Witness;
use crate::case::Look;
use crate::chance::Chance;
use crate::finding::{Finding, Oracle};
use crate::timeline::Colour;
use crate::workloads::catalogue;
use crate::world::trace::Trace;

/// Machines, a network, clients.
pub struct World {
    /// What every node is made of.
    pub parts: Parts,
    /// Everything that happened.
    pub trace: Shared<Trace>,
    /// The same, to be drawn.
    pub recorder: Recorder,
    /// How much of it.
    pub counts: Counts,
    /// What must be true of it.
    pub witness: Arc<Shared<Witness>>,
    /// What readers saw.
    pub readers: Arc<Shared<Readers>>,
    /// Who is connected, if anybody is.
    pub sockets: Option<Rc<Sockets>>,
    pub(super) phase: Cell<Phase>,
    pub(super) machines: RefCell<BTreeMap<NodeId, Machine>>,
    /// The nodes that run, for the network.
    pub(super) up: RefCell<BTreeMap<NodeId, Node>>,
    /// Nodes whose power was cut a moment ago.
    killed: RefCell<BTreeMap<NodeId, Running>>,
    /// Nodes that stay broken for ever.
    pub(super) lost: RefCell<BTreeSet<NodeId>>,
    /// How many machines are on their way, with empty disks.
    pub(super) coming: Cell<u32>,
    /// The highest number of a node.
    pub(super) newest: Cell<u32>,
    pub(super) crews: Crews,
    /// Nodes whose disk was hurt, or lost.
    pub(super) hurt: RefCell<BTreeSet<NodeId>>,
    /// What watchers of nodes saw and nobody noted yet.
    seen: Arc<Shared<Vec<Applied>>>,
    /// The laws of Raft.
    pub(super) laws: Arc<Shared<Laws>>,
}

/// Most nodes that a cluster begins with; more of them join.
const FOUNDERS: u32 = 5;

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
    pub fn new(plan: Plan, look: Look) -> Rc<Self> {
        let shape = plan.shape();
        let mut registry = catalogue::registry(&shape);
        node::gateway::register(&mut registry);
        let registry = Arc::new(registry);
        let nodes: Vec<_> = (1..=plan.nodes.min(FOUNDERS)).map(NodeId).collect();
        let candidates: Vec<_> = nodes.iter().map(|it| Candidate::new(*it, "", 100)).collect();
        let placed = place(META, &candidates, usize::from(plan.copies));
        let founders = placed.into_iter().map(|it| Member { node: it.0, life: 1 }).collect();
        let crews = catalogue::crews((plan.seed, &plan.workloads), &shape, &plan.scenario);
        let sockets = plan.sockets.clone().map(|it| Rc::new(Sockets::new(it)));
        let (net, bustle) = (Net::new(plan.seed), Arc::new(Bustle::begin()));
        let parts = Parts { began: Instant::now(), plan, net, bustle, registry, founders };
        let machines = nodes.iter().map(|it| (*it, Machine::new(&parts, *it))).collect();
        Rc::new(Self {
            parts,
            trace: Shared::new(Trace::new(look.is_printed)),
            recorder: Recorder::new(look.is_drawn),
            counts: Counts::default(),
            witness: Arc::default(),
            readers: Arc::default(),
            sockets,
            phase: Cell::new(Phase::Setup),
            machines: RefCell::new(machines),
            up: RefCell::default(),
            killed: RefCell::default(),
            lost: RefCell::default(),
            newest: Cell::new(nodes.len().try_into().expect("a few")),
            crews: RefCell::new(crews),
            coming: Cell::new(0),
            hurt: RefCell::default(),
            seen: Arc::default(),
            laws: Arc::default(),
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
                for number in FOUNDERS + 1..=plan.nodes {
                    self.join(node(NodeId(number)), &mut chance).await;
                }
                return;
            }
        }
        self.blame(Oracle::Settling.finds("the cluster is not founded"));
    }

    /// Every node that there ever was.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.newest.get()).map(NodeId)
    }

    /// The nodes that run and are to go on.
    pub(super) fn going(&self) -> BTreeMap<NodeId, Node> {
        let (up, lost) = (self.up.borrow(), self.lost.borrow());
        let going = up.iter().filter(|(node, _)| !lost.contains(node));
        going.map(|(node, it)| (*node, it.clone())).collect()
    }

    /// Switches a machine on, unless somebody else has done so, or is about to.
    pub(super) async fn switch_on(self: &Rc<Self>, node: NodeId) {
        let is_off = self.machines.borrow().get(&node).is_some_and(|it| it.running.is_none());
        if !is_off {
            return;
        }
        self.note("on", &[u64::from(node.0)], &[]);
        self.draw(|it, now| it.begin(&lane(node), now, Colour::Alive, lane(node)));
        let (witness, seen) = (Arc::clone(&self.witness), Arc::clone(&self.seen));
        let laws = Arc::clone(&self.laws);
        let committed = self.sockets.as_ref().map(|it| it.watch());
        let watch = move |changed: &Changed<'_>| {
            if let Some(committed) = &committed {
                committed(changed);
            }
            let steps = changed.steps.unwrap_or_default();
            let judged = laws.with(|laws| laws.changed((changed.group, changed.applied), steps));
            witness.with(|witness| {
                judged.unwrap_or_else(|finding| witness.blame(finding));
                witness.changed(node, changed);
            });
            let (group, index) = (changed.group, changed.applied);
            let reign = steps.last().map(|it| it.reign);
            seen.with(|seen| seen.push(Applied { node, group, index, reign }));
        };
        let witness = Arc::clone(&self.witness);
        let on_failure = move |what: &str| {
            let finding = Oracle::Survival.finds(format!("node {}: {what}", node.0));
            witness.with(|it| it.blame(finding));
        };
        let Some(mut machine) = self.machines.borrow_mut().remove(&node) else { return };
        machine.start(&self.parts, Arc::new(watch), on_failure).await;
        let forgets = machine.forgets();
        if let Some(running) = &machine.running {
            self.up.borrow_mut().insert(node, running.node.clone());
            let (log, rows) = (running.log.clone(), Arc::clone(&running.rows));
            let applied = move |group| match rows.state(group) {
                Some(State::Sound(mark)) => mark.applied,
                // It is given up, and its member with it.
                Some(State::Damaged(_)) => u64::MAX,
                None => 0,
            };
            let judged = self.laws.with(|it| {
                if forgets {
                    it.forgets(node);
                }
                it.began(node, log, applied)
            });
            let judged = judged.and_then(|()| self.look_for_damage(node, running));
            if let Err(finding) = judged {
                self.blame(finding);
            }
            if self.parts.plan.workloads.contains(&"counter") {
                readers::begin(&self.readers, &running.home, &running.client, self.parts.began);
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
        self.cut_power(node);
        self.mourn(node).await;
    }

    /// Cuts the power of a machine in this moment.
    pub(super) fn cut_power(&self, node: NodeId) {
        self.note("off", &[u64::from(node.0)], &[]);
        self.draw(|it, now| it.end(&lane(node), now, Colour::Alive, ""));
        self.up.borrow_mut().remove(&node);
        let killed = self.machines.borrow_mut().get_mut(&node).and_then(Machine::kill);
        self.killed.borrow_mut().extend(killed.map(|it| (node, it)));
    }

    /// Sees whether something is left of a node whose power was cut.
    pub(super) async fn mourn(&self, node: NodeId) {
        let Some(killed) = self.killed.borrow_mut().remove(&node) else { return };
        tokio::time::sleep(Duration::from_micros(1)).await;
        let left = killed.home.tasks();
        if left > 0 {
            let what = format!("{left} tasks of node {} have survived it", node.0);
            self.blame(Oracle::Tasks.finds(what));
        }
    }

    /// The members of a shard's group that run.
    pub(super) fn groups(&self, shard: ShardId) -> Vec<Group> {
        self.going().values().filter_map(|it| it.router().hosted(shard)?.group).collect()
    }

    fn carried(&self, from: NodeId, to: NodeId, message: &Bytes) {
        self.counts.messages.set(self.counts.messages.get() + 1);
        self.parts.bustle.count();
        let applied = self.seen.with(std::mem::take);
        for it in &applied {
            let numbers = [u64::from(it.node.0), u64::from(it.group), it.index];
            self.note("applied", &numbers, &[]);
        }
        self.look_at_laws(&applied);
        self.draw_leaders();
        self.note("message", &[u64::from(from.0), u64::from(to.0)], message);
    }

    pub(super) fn note(&self, what: &str, numbers: &[u64], bytes: &[u8]) {
        let now = true_time(self.parts.began);
        self.trace.with(|trace| trace.note(now, what, numbers, bytes));
    }

    pub(super) fn blame(&self, finding: Finding) {
        self.witness.with(|witness| witness.blame(finding));
    }

    /// Whether something was wrong.
    pub(super) fn is_wrong(&self) -> bool {
        if let Some(what) = self.readers.with(|it| it.violation.take()) {
            self.blame(Oracle::Readers.finds(what));
        }
        self.witness.with(|witness| witness.violation.is_some())
    }
}
