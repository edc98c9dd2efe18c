//! What may be hurt, and when: what is there once only must not.

use std::collections::BTreeSet;

use cluster::meta::Member;
use cluster::slots::ShardId;
use cluster::transport::NodeId;
use engine::State;

use super::cluster::World;
use super::machine::Running;
use crate::finding::{Finding, Oracle};

impl World {
    /// Whether a disk may be hurt, or lost: nothing has been, or every group has mended since. So a group never
    /// lacks more than one of the members that it counts on.
    pub(super) fn may_rot(&self) -> bool {
        let plan = &self.parts.plan;
        let is_mended = || self.shards().all(|it| self.is_whole(it));
        plan.nodes >= 3 && plan.copies >= 3 && (self.hurt.borrow().is_empty() || is_mended())
    }

    /// The disk of a node is hurt, or lost.
    pub(super) fn hurt(&self, node: NodeId) {
        probe::sometimes!(HurtAgain, !self.hurt.borrow().is_empty());
        self.hurt.borrow_mut().insert(node);
    }

    /// Whether a node that begins finds damage on a disk that nobody has hurt. It would mend, with the help of
    /// others, and nobody would notice.
    pub(super) fn look_for_damage(&self, node: NodeId, running: &Running) -> Result<(), Finding> {
        if self.hurt.borrow().contains(&node) {
            return Ok(());
        }
        let log = |group| running.log.group(group).damage();
        let rows = |group| match running.rows.state(group) {
            Some(State::Damaged(what)) => Some(what),
            Some(State::Sound(_)) | None => None,
        };
        let mut groups = self.shards().map(|it| it.0);
        let found = groups.find_map(|it| log(it).or_else(|| rows(it)).map(|what| (it, what)));
        Oracle::Durability.checks(found.is_none(), || {
            format!("nobody has hurt the disk of node {}: {found:?}", node.0)
        })
    }

    /// Whether those vote who are to hold a shard, and have whatever is known to be committed, in rows that can be
    /// read.
    fn is_whole(&self, shard: ShardId) -> bool {
        let (groups, going) = (self.groups(shard), self.going());
        let rosters = going.values().map(|it| it.router().roster());
        let newest = rosters.max_by_key(|it| it.assignment(shard).map_or(0, |it| it.version));
        let wanted: BTreeSet<Member> = newest.iter().flat_map(|it| it.members(shard)).collect();
        let Some(leader) = groups.iter().find(|it| it.believes_to_lead()) else { return false };
        let (status, committed) =
            (leader.status(), groups.iter().map(|it| it.status().committed).max());
        let has_all = |member: &Member| {
            let group = groups.iter().find(|it| it.member() == *member);
            group.is_some_and(|it| {
                let is_sound = matches!(it.engine().state(it.id()), Some(State::Sound(_)));
                is_sound && Some(it.status().applied) >= committed
            })
        };
        status.voters == wanted && !status.is_changing && wanted.iter().all(has_all)
    }
}
