//! Who goes on when nothing goes wrong any more, and what becomes of the rest.

use std::collections::BTreeSet;
use std::rc::Rc;

use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use engine::State;
use raft::group::Group;

use super::cluster::World;
use crate::chance::Chance;

/// What becomes of a node that does not go on.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It is off.
    Off,
    /// It stands still.
    Still,
    /// Nobody hears it, and it hears nobody.
    CutOff,
    /// It hears the others, and they do not hear it.
    Mute,
    /// The others hear it, and it does not hear them.
    Deaf,
}

const FATES: [Fate; 5] = [Fate::Off, Fate::Still, Fate::CutOff, Fate::Mute, Fate::Deaf];

impl World {
    /// Leaves nodes behind that can be missed, each broken in its way for ever: every group has a quorum
    /// of sound members among those that go on, and they have to do without the rest.
    pub(super) async fn leave_some(self: &Rc<Self>) {
        let mut chance = Chance::of(self.parts.plan.seed, "survivors");
        let mut candidates: Vec<_> = self.going().into_keys().collect();
        while !candidates.is_empty() {
            let node = candidates.swap_remove(chance.index(candidates.len()));
            let fate = *chance.pick(&FATES);
            let lost: BTreeSet<_> = self.lost.borrow().iter().copied().chain([node]).collect();
            if chance.flips() && self.can_miss(&lost) {
                self.leave(node, fate).await;
            }
        }
    }

    async fn leave(self: &Rc<Self>, node: NodeId, fate: Fate) {
        self.note("left", &[u64::from(node.0)], format!("{fate:?}").as_bytes());
        self.draw_fault(node, format!("left for ever: {fate:?}"));
        self.lost.borrow_mut().insert(node);
        match fate {
            Fate::Off => self.switch_off(node).await,
            Fate::Still => {
                if let Some(running) = &self.machines.borrow()[&node].running {
                    running.home.pause();
                }
            }
            Fate::CutOff | Fate::Mute | Fate::Deaf => {
                for other in self.nodes().filter(|it| *it != node) {
                    if !matches!(fate, Fate::Deaf) {
                        self.parts.net.cut(node, other);
                    }
                    if !matches!(fate, Fate::Mute) {
                        self.parts.net.cut(other, node);
                    }
                }
            }
        }
    }

    /// Whether every group has a quorum without these nodes.
    fn can_miss(&self, lost: &BTreeSet<NodeId>) -> bool {
        let shards = (0..self.parts.plan.shards).map(ShardId).chain([META]);
        shards.into_iter().all(|shard| self.has_quorum(shard, lost))
    }

    /// Whether the members of a group that are not lost are a quorum. In the middle of a change of members, and
    /// when its leader may begin one in this moment, all of them are needed: there are two quorums.
    fn has_quorum(&self, shard: ShardId, lost: &BTreeSet<NodeId>) -> bool {
        let groups = self.groups(shard);
        let Some(leader) = groups.iter().find(|it| it.believes_to_lead()) else { return false };
        let status = leader.status();
        let is_sound = |it: &&Group| {
            let rows = it.engine().state(it.id());
            let is_lost = lost.contains(&NodeId(it.member().node));
            let is_damaged = matches!(rows, Some(State::Damaged(_)));
            !is_lost && status.voters.contains(&it.member()) && !is_damaged
        };
        let sound = groups.iter().filter(is_sound).count();
        let voters = status.voters.len();
        let going = self.going();
        let rosters = going.values().map(|it| it.router().roster());
        let wanted: BTreeSet<_> = rosters.flat_map(|it| it.members(shard)).collect();
        let is_stable = !status.is_changing && wanted == status.voters;
        let all_stay = wanted.iter().all(|it| !lost.contains(&NodeId(it.node)));
        (sound == voters && all_stay) || (sound * 2 > voters && is_stable)
    }
}
