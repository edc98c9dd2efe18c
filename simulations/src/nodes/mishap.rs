//! What goes wrong while the seed says so.

use std::rc::Rc;
use std::time::Duration;

use cluster::meta::api::Join;
use cluster::meta::{MetaKey, NodeRecord};
use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use entity::Time;
use raft::group::Group;
use runtime::leave::LEAVE_MAX;

use super::cluster::{Phase, World};
use super::faults::Class;
use super::load::attempt;
use super::machine::Machine;
use crate::chance::Chance;
use crate::world::call::Call;

/// How long clients of a node that is to end have for what they have asked.
const DRAIN: Duration = Duration::from_millis(100);

/// Longest fsync of a disk that stands still, in microseconds; some take ten times as long.
const STALL_MICROS: u64 = 300_000;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mishap {
    /// The power of a machine fails.
    Kill,
    /// A node stands still for a while.
    Pause,
    /// Nodes do not hear others.
    Cut,
    /// A shard is handed over.
    HandOver,
    /// A clock jumps.
    Skew,
    /// A record that a shard has proposed is proposed once more, late.
    Echo,
    /// A node is to hold nothing any more, or its share again.
    Weigh,
    /// A disk is nearly full for a while.
    Fill,
    /// Rows rot while a node runs.
    Decay,
    /// Replication of a shard ends on a node, and is begun again.
    Stumble,
    /// The power of several machines fails in one moment.
    BlackOut,
    /// A disk is lost.
    Wipe,
    /// Nodes are cut off one after the other.
    Swizzle,
    /// A disk fails, and with it the process.
    DiskError,
    /// A disk stands still.
    Stall,
}

impl Mishap {
    const ALL: [Self; 15] = [
        Self::Kill,
        Self::Pause,
        Self::Cut,
        Self::HandOver,
        Self::Skew,
        Self::Echo,
        Self::Weigh,
        Self::Fill,
        Self::Decay,
        Self::Stumble,
        Self::BlackOut,
        Self::Wipe,
        Self::Swizzle,
        Self::DiskError,
        Self::Stall,
    ];

    fn class(self) -> Class {
        match self {
            Self::Kill => Class::Kill,
            Self::Pause => Class::Pause,
            Self::Cut => Class::Cut,
            Self::HandOver => Class::HandOver,
            Self::Skew => Class::Skew,
            Self::Echo => Class::Echo,
            Self::Weigh => Class::Weigh,
            Self::Fill => Class::Fill,
            Self::Decay => Class::Decay,
            Self::Stumble => Class::Stumble,
            Self::BlackOut => Class::BlackOut,
            Self::Wipe => Class::Wipe,
            Self::Swizzle => Class::Swizzle,
            Self::DiskError => Class::DiskError,
            Self::Stall => Class::Stall,
        }
    }
}

impl World {
    /// Lets everything go wrong that the seed says, each kind by its own clock.
    pub(super) fn begin_mishaps(self: &Rc<Self>) {
        probe::setting::stir(true);
        self.parts.net.suffer(&self.parts.plan.faults);
        for machine in self.machines.borrow().values() {
            machine.suffer(self.parts.plan.faults.sync_micros);
        }
        for mishap in Mishap::ALL {
            let Some(mean) = self.parts.plan.faults.mean(mishap.class()) else { continue };
            tokio::task::spawn_local(Rc::clone(self).repeat(mishap, mean));
        }
    }

    /// One kind of mishap, again and again. Each has chance of its own: one that is left out shifts no other.
    async fn repeat(self: Rc<Self>, mishap: Mishap, mean: Duration) {
        let (seed, name) = (self.parts.plan.seed, mishap.class().name());
        let mut chance = Chance::of(seed, &format!("when: {name}"));
        let mean = u64::try_from(mean.as_micros()).expect("seconds");
        for number in 1.. {
            tokio::time::sleep(chance.lasting(mean / 4..=mean * 7 / 4)).await;
            if self.phase.get() != Phase::Faults {
                return;
            }
            self.counts.events.borrow_mut().insert(name, number);
            if self.parts.plan.scenario.happens(name, number) {
                self.counts.faults.set(self.counts.faults.get() + 1);
                let chance = &mut Chance::of(seed, &format!("{name} {number}"));
                self.go_wrong(mishap, (number, chance)).await;
            }
        }
    }

    async fn go_wrong(self: &Rc<Self>, mishap: Mishap, (number, chance): (u64, &mut Chance)) {
        let running = self.running();
        if running.is_empty() {
            return;
        }
        let node = *chance.pick(&running);
        let name = mishap.class().name();
        self.note("mishap", &[number, u64::from(node.0)], name.as_bytes());
        self.draw_fault(node, format!("{name} {number}"));
        match mishap {
            Mishap::Kill => self.kill(node, chance).await,
            Mishap::Pause => {
                let home = self.machines.borrow()[&node].running.as_ref().map(|it| it.home.clone());
                let Some(home) = home else { return };
                let leads = |it: &Group| it.believes_to_lead() && it.member().node == node.0;
                let hosted = self.up.borrow().get(&node).map(|it| it.router().all_hosted());
                let hosted = hosted.unwrap_or_default().into_values().filter_map(|it| it.group);
                probe::sometimes!(LeaderPaused, hosted.into_iter().any(|it| leads(&it)));
                home.pause();
                tokio::time::sleep(chance.lasting(10_000..=5_000_000)).await;
                if self.phase.get() == Phase::Faults {
                    home.resume();
                }
            }
            Mishap::Cut => self.cut(node, chance).await,
            Mishap::HandOver => self.hand_over(chance).await,
            Mishap::Echo => self.echo(chance).await,
            Mishap::Decay => self.decay(node, chance),
            Mishap::Stumble => self.stumble(chance).await,
            Mishap::BlackOut => self.black_out(chance).await,
            Mishap::Wipe => self.wipe(node, chance).await,
            Mishap::Swizzle => self.swizzle(chance).await,
            Mishap::DiskError => self.fail_disk(node, chance).await,
            Mishap::Stall => {
                let suffer = |micros| {
                    let machines = self.machines.borrow();
                    // It may be gone, and calm disks stay so.
                    if let Some(machine) = machines.get(&node)
                        && self.phase.get() == Phase::Faults
                    {
                        machine.suffer(micros);
                    }
                };
                suffer(STALL_MICROS);
                tokio::time::sleep(chance.lasting(1_000..=STALL_MICROS)).await;
                suffer(self.parts.plan.faults.sync_micros);
            }
            Mishap::Weigh => self.weigh(node, chance).await,
            Mishap::Fill => {
                // Some programs look at what is free in time; others do not, and write all the same.
                let is_overrun = chance.flips();
                self.machines.borrow()[&node].fill(true, is_overrun);
                tokio::time::sleep(chance.lasting(10_000..=3_000_000)).await;
                // It may be switched on this moment.
                if let Some(machine) = self.machines.borrow().get(&node) {
                    machine.fill(false, false);
                }
            }
            Mishap::Skew => {
                let limit = self.parts.plan.faults.skew_micros;
                let skew = chance.below(2 * limit + 1).cast_signed() - limit.cast_signed();
                self.machines.borrow()[&node].skew(skew);
            }
        }
    }

    /// A node is told that it is to end: clients leave, and then it gives away what it leads. Yields whether it
    /// has lived to do so.
    pub(super) async fn announce(&self, node: NodeId) -> bool {
        let close = |machine: &mut Machine| {
            let running = machine.running.as_mut()?;
            running.is_closed = true;
            Some((running.node.clone(), running.home.clone()))
        };
        let closed = self.machines.borrow_mut().get_mut(&node).and_then(close);
        let Some((closed, home)) = closed else { return false };
        self.note("announced", &[u64::from(node.0)], &[]);
        tokio::time::sleep(DRAIN).await;
        tokio::time::timeout(2 * LEAVE_MAX, closed.leave()).await.ok();
        !home.is_over()
    }

    /// Rows of a copy rot while the node runs.
    fn decay(&self, node: NodeId, chance: &mut Chance) {
        let shard = self.any_shard(chance);
        if self.may_rot()
            && let Some(machine) = self.machines.borrow().get(&node)
            && machine.decay(shard.0)
        {
            self.hurt(node);
            self.note("decay", &[u64::from(node.0), u64::from(shard.0)], &[]);
        }
    }

    /// A copy of a shard begins again in the same process, with what is not on the disk yet; half of
    /// the time the power fails soon.
    async fn stumble(self: &Rc<Self>, chance: &mut Chance) {
        let groups = self.groups(self.any_shard(chance));
        let Some(leading) = groups.iter().find(|it| it.believes_to_lead()) else { return };
        let group = if chance.flips() { leading } else { chance.pick(&groups) };
        self.note("stumble", &[u64::from(group.member().node), u64::from(group.id())], &[]);
        group.stop().await;
        if chance.flips() {
            tokio::time::sleep(chance.lasting(100..=100_000)).await;
            self.kill(NodeId(group.member().node), chance).await;
        }
    }

    /// Nodes do not hear each other: a node and others, half of the time one that leads.
    async fn cut(&self, node: NodeId, chance: &mut Chance) {
        let groups = self.groups(self.any_shard(chance));
        let leading = groups.iter().find(|it| it.believes_to_lead()).filter(|_| chance.flips());
        let node = leading.map_or(node, |it| NodeId(it.member().node));
        let others: Vec<_> = self.nodes().filter(|it| *it != node).collect();
        let (hears, speaks) = match chance.below(4) {
            0 => (true, false),
            1 => (false, true),
            _ => (false, false),
        };
        let whole = chance.flips();
        for other in others {
            if whole || chance.flips() {
                if !speaks {
                    self.parts.net.cut(node, other);
                }
                if !hears {
                    self.parts.net.cut(other, node);
                }
            }
        }
        tokio::time::sleep(chance.lasting(10_000..=6_000_000)).await;
        // Some of them for good, by now.
        if self.phase.get() == Phase::Faults {
            self.parts.net.heal();
        }
    }

    /// Cuts nodes off one after the other, and lets them hear again in another order.
    async fn swizzle(&self, chance: &mut Chance) {
        let mut nodes: Vec<_> = self.nodes().collect();
        nodes.retain(|_| chance.flips());
        for is_cut in [true, false] {
            chance.shuffle(&mut nodes);
            for node in &nodes {
                if self.phase.get() != Phase::Faults {
                    return;
                }
                for other in self.nodes().filter(|it| it != node) {
                    for (from, to) in [(*node, other), (other, *node)] {
                        if is_cut {
                            self.parts.net.cut(from, to);
                        } else {
                            self.parts.net.mend(from, to);
                        }
                    }
                }
                tokio::time::sleep(chance.lasting(1_000..=800_000)).await;
            }
        }
    }

    /// Proposes again what a shard has proposed some time ago: nobody may take it twice.
    async fn echo(&self, chance: &mut Chance) {
        let shard = self.any_shard(chance);
        let record = self.witness.with(|witness| witness.any_record(shard, chance));
        let leading = self.groups(shard).into_iter().find(Group::believes_to_lead);
        if let (Some(group), Some(record)) = (leading, record) {
            group.propose(record, |_| {}).await;
        }
    }

    /// Gives a node another weight, if somebody takes the order.
    async fn weigh(&self, node: NodeId, chance: &mut Chance) {
        let Some(client) = self.any_client(chance) else { return };
        let Some(record) = client.router().roster().nodes.get(&node).cloned() else { return };
        let join = Join { node: NodeRecord { weight: 100 - record.weight, ..record } };
        attempt(&client, &Call::command(&MetaKey, &join), None).await;
    }

    fn any_shard(&self, chance: &mut Chance) -> ShardId {
        if chance.below(5) == 0 {
            return META;
        }
        ShardId(u32::try_from(chance.below(u64::from(self.parts.plan.shards))).expect("a few"))
    }

    /// Some shard goes to some other copy.
    async fn hand_over(&self, chance: &mut Chance) {
        let shard = self.any_shard(chance);
        let leading = self.groups(shard).into_iter().find(Group::believes_to_lead);
        if let Some(group) = leading {
            let voters: Vec<_> = group.status().voters.into_iter().collect();
            let heir = *chance.pick(&voters);
            if heir != group.member() {
                group.transfer(heir).await;
            }
        }
    }
}

/// The moment of the world, by true time.
pub(super) fn true_time(began: tokio::time::Instant) -> Time {
    crate::world::cluster::BEGINNING + began.elapsed()
}
