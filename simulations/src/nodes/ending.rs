//! What must be true when everything has settled.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use chance::Chance;
use cluster::executor::Status;
use cluster::meta::Member;
use cluster::request::{Answer, Failure};
use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use engine::State;
use raft::group::Group;
use runtime::client::Client;
use runtime::shard::Item;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::cluster::{Phase, World};
use super::load::attempt;
use crate::finding::Oracle;
use crate::timeline::Colour;
use crate::world::call::Call;
use crate::world::view::Asked;

/// How long after the last fault everything has to be settled.
const SETTLING_MAX: Duration = Duration::from_mins(3);

/// How wrong a clock is at least that stays wrong.
const WRONG: Duration = Duration::from_secs(1);

impl World {
    /// Nothing goes wrong any more; nodes that can be missed may stay broken for ever.
    pub(super) async fn calm_down(self: &Rc<Self>) {
        self.phase.set(Phase::Calm);
        probe::setting::stir(false);
        self.note("calm", &[], &[]);
        self.draw(|it, now| it.mark("world", now, Colour::Fault, "calm".to_owned()));
        self.parts.net.heal();
        self.parts.net.suffer(&self.parts.plan.faults.calm());
        for machine in self.machines.borrow().values() {
            machine.suffer(1_000);
            machine.skew(0);
            machine.fill(false, false);
            if let Some(running) = &machine.running {
                running.home.resume();
            }
        }
        // Whoever is being started has been.
        tokio::time::sleep(Duration::from_secs(5)).await;
        if self.parts.plan.loses_some {
            self.leave_some().await;
        }
        self.skew_one();
    }

    /// The clock of one node stays wrong, as long as there are two others that can tell.
    fn skew_one(&self) {
        let (mut chance, there) = (Chance::of(self.parts.plan.seed, "wrong clock"), self.there());
        let faults = &self.parts.plan.faults;
        // Clocks that run ever further apart leave nobody who is right.
        if faults.skew_micros == 0 || faults.drift != 0 || there.len() < 3 || chance.flips() {
            return;
        }
        let (node, wrong) = (*chance.pick(&there), WRONG + chance.lasting(0..=faults.skew_micros));
        let micros = i64::try_from(wrong.as_micros()).expect("seconds");
        self.draw_fault(node, "a wrong clock for ever".to_owned());
        self.machines.borrow()[&node].skew(if chance.flips() { micros } else { -micros });
    }

    /// The nodes that run and are not lost.
    fn there(&self) -> Vec<NodeId> {
        let lost = self.lost.borrow();
        self.going().into_keys().filter(|it| !lost.contains(it)).collect()
    }

    /// Whether somebody leads whose clock is wrong, although there is a member whose clock is right.
    fn is_led_wrongly(&self, shard: ShardId, leader: Member) -> bool {
        let (there, machines) = (self.there(), self.machines.borrow());
        let is_right = |it: &NodeId| there.contains(it) && !machines[it].is_skewed();
        machines[&NodeId(leader.node)].is_skewed() && self.assigned(shard).iter().any(is_right)
    }

    /// Waits until everything has settled.
    pub(super) async fn settle(&self) {
        let deadline = tokio::time::Instant::now() + SETTLING_MAX;
        let mut unsettled = String::new();
        while tokio::time::Instant::now() < deadline {
            unsettled = self.unsettled().await;
            if unsettled.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        self.blame(Oracle::Settling.finds(format!("it has not settled: {unsettled}")));
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.parts.plan.shards).map(ShardId).chain([META])
    }

    /// Whether a group cannot do without a node, because the one that is to take its place is not there.
    fn needs(&self, shard: ShardId, node: NodeId) -> bool {
        let groups = self.groups(shard);
        let leading = groups.iter().find(|it| it.believes_to_lead());
        let voters = leading.map(|it| it.status().voters).unwrap_or_default();
        let going = self.going();
        let is_there = |it: &NodeId| going.contains_key(it);
        let is_one_missing = self.assigned(shard).iter().any(|it| !is_there(it));
        is_one_missing && voters.iter().any(|it| it.node == node.0)
    }

    /// The nodes that are to hold a shard, as the last of them knows it.
    fn assigned(&self, shard: ShardId) -> Vec<NodeId> {
        let going = self.going();
        let rosters = going.values().map(|it| it.router().roster());
        let latest = rosters.filter_map(|it| it.assignment(shard).cloned());
        let latest = latest.max_by_key(|it| it.version);
        latest.map_or_else(Vec::new, |it| it.members.iter().map(|it| NodeId(it.node)).collect())
    }

    async fn unsettled(&self) -> String {
        if self.coming.get() > 0 {
            return "a machine is on its way".to_owned();
        }
        for (node, running) in &self.going() {
            let router = running.router();
            let held = router.roster().hosted(*node);
            let hosted = router.all_hosted();
            let mut left = hosted.into_keys().filter(|it| *it != META && !held.contains_key(it));
            if let Some(shard) = left.find(|it| !self.needs(*it, *node)) {
                return format!("node {} still hosts shard {}", node.0, shard.0);
            }
        }
        for shard in self.shards() {
            let groups = self.groups(shard);
            let is_rotten =
                |it: &&Group| matches!(it.engine().state(it.id()), Some(State::Damaged(_)));
            if let Some(group) = groups.iter().find(is_rotten) {
                return format!("the rows of {:?} are rotten", group.member());
            }
            let Some(leader) = groups.iter().find(|it| it.believes_to_lead()) else {
                return format!("nobody leads shard {}", shard.0);
            };
            if self.is_led_wrongly(shard, leader.member()) {
                return format!("{:?} leads shard {} by a wrong clock", leader.member(), shard.0);
            }
            let status = leader.status();
            let expected = self.expected(shard);
            let found: BTreeSet<_> = groups
                .iter()
                .filter(|it| it.status().applied == status.last)
                .map(Group::member)
                .collect();
            let found: BTreeSet<_> = found.intersection(&status.voters).copied().collect();
            if found.len() < expected {
                return format!(
                    "{found:?} of shard {} are there, {expected} should be: {status:?}",
                    shard.0
                );
            }
            match self.executor(shard).await {
                Some(it)
                    if it.serving
                        && it.in_flight == 0
                        && it.queued == 0
                        && it.outbox_bytes == 0 => {}
                other => return format!("shard {}: {other:?}", shard.0),
            }
        }
        String::new()
    }

    /// How many copies of a shard are on nodes that run.
    fn expected(&self, shard: ShardId) -> usize {
        let going = self.going();
        let rosters = going.values().map(|it| it.router().roster());
        let newest = rosters.max_by_key(|it| it.assignment(shard).map_or(0, |it| it.version));
        let members = newest.map_or_else(Vec::new, |it| it.members(shard));
        members.iter().filter(|it| going.contains_key(&NodeId(it.node))).count()
    }

    async fn executor(&self, shard: ShardId) -> Option<Status> {
        let inbox = self.going().values().find_map(|it| it.router().hosted(shard)?.inbox)?;
        let (sender, receiver) = oneshot::channel();
        inbox.send(Item::Status(sender)).ok()?;
        receiver.await.ok()
    }
}

/// Asks a settled world through one of its nodes.
pub(super) struct Gate<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) tasks: &'a LocalSet,
    pub(super) client: Client,
}

impl Asked for Gate<'_> {
    fn answer(&mut self, call: Call) -> Result<Answer, String> {
        let answer = self.tasks.block_on(self.runtime, attempt(&self.client, &call, None));
        if let Answer::Failure(Failure::Moved | Failure::Unknown) = answer {
            return Err(format!("nobody answers {call:?}"));
        }
        Ok(answer)
    }

    fn is_at_rest(&self) -> bool {
        false
    }
}
