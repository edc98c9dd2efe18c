//! Keeps what happens, to be drawn. It only looks: what happens is the same with it and without.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use raft::group::Group;

use super::cluster::World;
use crate::timeline::{Colour, Operation, Timeline};
use crate::world::call::{Call, Done};

/// Between two looks at who leads.
const PERIOD: Duration = Duration::from_millis(5);

/// What is kept so far, if anything is wanted.
#[derive(Debug, Default)]
pub struct Recorder(Option<RefCell<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    timeline: Timeline,
    looked: Duration,
    /// Who leads each shard, in which term, and with which activation.
    leaders: BTreeMap<ShardId, (NodeId, u64, u64)>,
}

impl Recorder {
    /// Keeps something, or nothing.
    pub fn new(is_wanted: bool) -> Self {
        Self(is_wanted.then(RefCell::default))
    }

    /// What was kept.
    pub fn take(&self) -> Timeline {
        self.0.as_ref().map(|it| it.borrow().timeline.clone()).unwrap_or_default()
    }
}

impl World {
    /// Keeps something.
    pub(super) fn draw(&self, work: impl FnOnce(&mut Timeline, Duration)) {
        if let Some(kept) = &self.recorder.0 {
            work(&mut kept.borrow_mut().timeline, self.parts.began.elapsed());
        }
    }

    /// A fault happens on a node.
    pub(super) fn draw_fault(&self, node: NodeId, text: String) {
        self.draw(|it, now| it.mark(&lane(node), now, Colour::Fault, text));
    }

    /// A client has learned what became of a call.
    pub(super) fn draw_call(
        &self,
        (workload, client): (&'static str, usize),
        from: Duration,
        (call, done): (&Call, &Done),
    ) {
        self.draw(|it, now| {
            let (entity, text) = (call.to.clone(), format!("{call} {done}"));
            let to = Some(now);
            it.operations.push(Operation { workload, client, entity, from, to, text });
        });
    }

    /// Looks at who leads, now and then.
    pub(super) fn draw_leaders(&self) {
        let Some(kept) = &self.recorder.0 else { return };
        let (kept, now) = (&mut *kept.borrow_mut(), self.parts.began.elapsed());
        if now < kept.looked + PERIOD {
            return;
        }
        kept.looked = now;
        for shard in (0..self.parts.plan.shards).map(ShardId).chain([META]) {
            let leader = self.groups(shard).into_iter().find(Group::believes_to_lead);
            let found = leader.map(|it| {
                (NodeId(it.member().node), it.reign().unwrap_or(0), it.head().fence.activation)
            });
            let before = kept.leaders.get(&shard).copied();
            if before == found {
                continue;
            }
            let name = if shard == META { "meta".to_owned() } else { format!("shard {}", shard.0) };
            if let Some((node, ..)) = before {
                kept.timeline.end(&lane(node), now, Colour::Leads, &name);
            }
            kept.leaders.remove(&shard);
            if let Some(leading @ (node, term, activation)) = found {
                kept.leaders.insert(shard, leading);
                let text = format!("{name} term {term} activation {activation}");
                kept.timeline.begin(&lane(node), now, Colour::Leads, text.clone());
                if before.is_none_or(|it| it.2 != activation) {
                    kept.timeline.mark(&lane(node), now, Colour::Activation, text);
                }
            }
        }
    }
}

/// The lane of a node.
pub(super) fn lane(node: NodeId) -> String {
    format!("n{}", node.0)
}
