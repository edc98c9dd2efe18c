//! Power that fails, and what disks hold when it is back.

use std::rc::Rc;
use std::time::Duration;

use cluster::meta::api::Join;
use cluster::meta::{MetaKey, NodeRecord};
use cluster::transport::NodeId;
use raft::group::Group;

use super::cluster::{Phase, World};
use super::load::attempt;
use super::machine::{Failure, Machine};
use crate::chance::Chance;
use crate::world::call::{Call, Done};

/// Between two looks whether a disk has something to do, and how many there are.
const WRITES_PERIOD: Duration = Duration::from_micros(200);
const WRITES_LOOKS: u32 = 500;

/// Before so many more things that the log does the power fails.
const WRITES_MAX: u64 = 24;

/// How often somebody is asked to take a node up again whose disk was lost.
const JOINS_MAX: u32 = 200;

impl World {
    /// Cuts the power, waits, and switches the machine on again; now and then with rotten bits.
    pub(super) async fn kill(self: &Rc<Self>, node: NodeId, chance: &mut Chance) {
        let is_announced = chance.hits(self.parts.plan.faults.announced);
        if is_announced && !self.announce(node).await {
            return;
        }
        match chance.below(4) {
            // Whoever has said farewell goes.
            _ if is_announced => {}
            0 => {}
            1 => self.fail_within_writes(node, chance.below(WRITES_MAX)).await,
            2.. => self.wait_for_writes(node).await,
        }
        if !self.running().contains(&node) {
            return;
        }
        self.note_load(node);
        self.counts.kills.set(self.counts.kills.get() + 1);
        self.switch_off(node).await;
        if self.may_rot() && chance.hits(self.parts.plan.faults.rot) {
            self.hurt(node);
            let weak = self.laws.with(|it| it.weak(node));
            let what = self.machines.borrow_mut().get_mut(&node).map(|it| it.rot(weak));
            self.note("rot", &[u64::from(node.0)], what.unwrap_or_default().as_bytes());
        }
        tokio::time::sleep(chance.lasting(1_000..=3_000_000)).await;
        self.switch_on(node).await;
    }

    /// Waits a little until the disk of a machine has something to do: then a crash hurts most.
    async fn wait_for_writes(&self, node: NodeId) {
        for _ in 0..WRITES_LOOKS {
            if self.machines.borrow().get(&node).is_some_and(Machine::is_writing) {
                return;
            }
            tokio::time::sleep(WRITES_PERIOD).await;
        }
    }

    /// Lets a disk fail. The process ends, and another one begins.
    pub(super) async fn fail_disk(self: &Rc<Self>, node: NodeId, chance: &mut Chance) {
        if !self.running().contains(&node) {
            return;
        }
        let failure = *chance.pick(&Failure::ALL);
        // Rows are flushed now and then only.
        let turns = if failure == Failure::Rows { 30 } else { 1 };
        for _ in 0..turns {
            if self.phase.get() == Phase::Faults {
                self.until_dark(node, &|it| it.fail(failure)).await;
            }
        }
        let is_dark = self.machines.borrow().get(&node).is_some_and(Machine::is_dark);
        match failure {
            Failure::Sync => probe::sometimes!(SyncFailed, is_dark),
            Failure::Space => probe::sometimes!(LogFull, is_dark),
            Failure::Rows => probe::sometimes!(FlushFailed, is_dark),
        }
        if !self.running().contains(&node) {
            return;
        }
        self.note_load(node);
        self.counts.kills.set(self.counts.kills.get() + 1);
        self.switch_off(node).await;
        tokio::time::sleep(chance.lasting(1_000..=1_000_000)).await;
        self.switch_on(node).await;
    }

    /// Lets the power fail between two things that the log does, some of which it does in one go: it
    /// begins a segment, or removes one.
    async fn fail_within_writes(&self, node: NodeId, after: u64) {
        self.until_dark(node, &|it| it.darken(after)).await;
    }

    /// Does something to a machine that runs, and waits a little until its log has come to an end.
    async fn until_dark(&self, node: NodeId, work: &dyn Fn(&Machine) -> bool) {
        let on_machine =
            |work: &dyn Fn(&Machine) -> bool| self.machines.borrow().get(&node).is_some_and(work);
        if !on_machine(work) {
            return;
        }
        for _ in 0..WRITES_LOOKS {
            if on_machine(&Machine::is_dark) {
                return;
            }
            tokio::time::sleep(WRITES_PERIOD).await;
        }
    }

    /// Cuts the power of several machines in one moment. They are back one after the other.
    pub(super) async fn black_out(self: &Rc<Self>, chance: &mut Chance) {
        let is_whole = chance.flips();
        let mut struck = self.running();
        struck.retain(|_| is_whole || chance.flips());
        if let Some(first) = struck.first().filter(|_| chance.flips()) {
            self.wait_for_writes(*first).await;
        }
        for node in &struck {
            self.note_load(*node);
            self.counts.kills.set(self.counts.kills.get() + 1);
            self.cut_power(*node);
        }
        for node in struck {
            self.mourn(node).await;
            tokio::time::sleep(chance.lasting(1_000..=1_000_000)).await;
            self.switch_on(node).await;
        }
    }

    /// The disk of a machine is lost. It comes back empty, as a node that nobody knows but by its name.
    pub(super) async fn wipe(self: &Rc<Self>, node: NodeId, chance: &mut Chance) {
        if !self.may_rot() || !self.running().contains(&node) {
            return;
        }
        self.hurt(node);
        let Some(record) = self.record_of(node) else { return };
        self.switch_off(node).await;
        self.machines.borrow_mut().remove(&node);
        self.coming.set(self.coming.get() + 1);
        tokio::time::sleep(chance.lasting(1_000..=3_000_000)).await;
        let record = NodeRecord { disk: u128::from(chance.draw()), ..record };
        if let Some(number) = self.join(record, chance).await {
            self.note("wiped", &[u64::from(node.0), u64::from(number.0)], &[]);
            probe::sometimes!(WipedNodeReturned);
        }
        self.coming.set(self.coming.get() - 1);
    }

    /// A machine with an empty disk joins, and is switched on.
    pub(super) async fn join(
        self: &Rc<Self>,
        record: NodeRecord,
        chance: &mut Chance,
    ) -> Option<NodeId> {
        let join = Join { node: record };
        for _ in 0..JOINS_MAX {
            if let Some(client) = self.any_client(chance)
                && let Some(number) =
                    joined(attempt(&client, &Call::command(&MetaKey, &join), None).await)
            {
                let machine = Machine::new(&self.parts, number);
                self.newest.set(self.newest.get().max(number.0));
                self.machines.borrow_mut().insert(number, machine);
                self.switch_on(number).await;
                return Some(number);
            }
            tokio::time::sleep(chance.lasting(10_000..=200_000)).await;
        }
        None
    }

    fn record_of(&self, node: NodeId) -> Option<NodeRecord> {
        let up = self.up.borrow();
        up.values().find_map(|it| it.router().roster().nodes.get(&node).cloned())
    }

    /// Notes what a node is doing whose power fails.
    fn note_load(&self, node: NodeId) {
        let up = self.up.borrow();
        let Some(running) = up.get(&node) else { return };
        let hosted = running.router().all_hosted().into_values();
        let is_busy = |it: Group| {
            let status = it.status();
            status.leads && status.applied < status.last
        };
        let is_busy = hosted.filter_map(|it| it.group).any(is_busy);
        probe::sometimes!(LeaderKilledUnderLoad, is_busy);
        probe::sometimes!(AllNodesOff, up.len() == 1);
    }
}

fn joined(answer: cluster::request::Answer) -> Option<NodeId> {
    use cluster::request::Answer;
    use entity::registry::Outcome;
    let Answer::Outcome(Outcome::Reply(bytes)) = answer else { return None };
    Done::Reply(bytes).reply()
}
