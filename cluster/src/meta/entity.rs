//! The entity.

use std::collections::{BTreeMap, BTreeSet};

use entity::registry::Rows;
use entity::{Answer, Caller, Context, Entity, Handle, Never, Table, data};

use super::api::{
    ADDRESS_BYTES_MAX, Assign, Assignment, BeginLife, COPIES_MAX, Cluster, Describe, Description,
    FOUNDERS_MAX, Finalize, Found, INCARNATIONS_MAX, Join, Member, Metas, NAME_BYTES_MAX,
    NODES_MAX, NodeRecord, Retire, SHARDS_MAX, TakeIncarnations, WEIGHT_MAX,
};
use super::refusals::{
    AssignError, FinalizeError, FoundError, JoinError, LifeError, MetaError, RetireError,
};
use crate::placement::{Candidate, spread};
use crate::slots::{META, ShardId};
use crate::transport::NodeId;

/// Who is in the cluster, beside the tables of nodes and assignments.
#[data]
#[derive(Default)]
pub struct Meta {
    /// What there is one of.
    pub cluster: Cluster,
    last_node: u32,
    pub(super) last_life: u32,
    last_incarnation: u64,
}

impl Entity for Meta {
    type Kind = Metas;
    type Tables = (Rows<Nodes>, Rows<Assignments>, Rows<Followers>);
}

/// The nodes, by number.
pub enum Nodes {}

impl Table for Nodes {
    const NAME: &'static str = "nodes";
    const TAG: u8 = 1;
    type Key = u32;
    type Row = NodeRecord;
}

/// Who holds each shard, by its number.
pub enum Assignments {}

impl Table for Assignments {
    const NAME: &'static str = "assignments";
    const TAG: u8 = 2;
    type Key = u32;
    type Row = Assignment;
}

/// The lives of the nodes' copies of the meta group, voters or not, by node: where it is not
/// [`FIRST_LIFE`]. A copy that gets or loses its vote stays who it is.
pub enum Followers {}

impl Table for Followers {
    const NAME: &'static str = "followers";
    const TAG: u8 = 3;
    type Key = u32;
    type Row = Member;
}

/// The life of copies that a cluster is founded with.
pub const FIRST_LIFE: u32 = 1;

/// Nodes speak for operators: nobody else reaches the meta group.
fn is_node(cx: &Context<'_, Meta>) -> bool {
    *cx.caller() == Caller::Operator
}

fn is_sound(node: &NodeRecord) -> bool {
    let is_name = |it: char| it.is_ascii_alphanumeric() || ".-_".contains(it);
    let is_named =
        (1..=NAME_BYTES_MAX).contains(&node.name.len()) && node.name.chars().all(is_name);
    let is_placed = node.zone.len() <= NAME_BYTES_MAX && node.address.len() <= ADDRESS_BYTES_MAX;
    is_named && is_placed && node.weight <= WEIGHT_MAX
}

impl Handle<Found> for Meta {
    fn handle(&mut self, found: Found, cx: &mut Context<'_, Self>) -> Result<(), FoundError> {
        if !is_node(cx) {
            return Err(FoundError::Forbidden);
        }
        let Found { name, shards, copies, nodes } = found;
        let release = nodes.iter().map(|it| it.release).min().unwrap_or(0);
        let cluster = Cluster { name, incarnation: 1, shards, copies, release };
        if self.cluster.incarnation > 0 {
            let release = self.cluster.release;
            let is_same = self.cluster == Cluster { release, ..cluster } && {
                let known = cx.scan_all::<Nodes>(nodes.len());
                let is_it = |one: &NodeRecord, it: &NodeRecord| {
                    (&one.name, one.disk) == (&it.name, it.disk)
                };
                nodes.iter().all(|it| known.iter().any(|(_, known)| is_it(known, it)))
            };
            return if is_same { Ok(()) } else { Err(FoundError::Founded) };
        }
        let is_sized = (1..=SHARDS_MAX).contains(&shards) && [1, 3, 5].contains(&copies);
        let is_named = (1..=NAME_BYTES_MAX).contains(&cluster.name.len());
        if !is_sized || !is_named || !(1..=FOUNDERS_MAX).contains(&nodes.len()) {
            return Err(FoundError::Size);
        }
        let names: BTreeSet<_> = nodes.iter().map(|it| &it.name).collect();
        if names.len() < nodes.len() || !nodes.iter().all(is_sound) {
            return Err(FoundError::Node);
        }
        self.cluster = cluster;
        for node in &nodes {
            self.last_node += 1;
            cx.put::<Nodes>(&self.last_node, node);
        }
        self.last_life = FIRST_LIFE;
        self.place_all(&nodes, cx);
        Ok(())
    }
}

impl Meta {
    fn place_all(&self, nodes: &[NodeRecord], cx: &mut Context<'_, Self>) {
        let number = |index: usize| u32::try_from(index + 1).expect("a few nodes");
        let candidates: Vec<_> = nodes
            .iter()
            .enumerate()
            .map(|(index, it)| Candidate::new(NodeId(number(index)), &it.zone, it.weight))
            .collect();
        let shards = (0..self.cluster.shards).map(ShardId).chain([META]);
        for (shard, placed) in spread(shards, &candidates, self.cluster.copies.into()) {
            let member = |it: &NodeId| Member { node: it.0, life: FIRST_LIFE };
            let members = placed.iter().map(member).collect();
            cx.put::<Assignments>(&shard.0, &Assignment { version: 1, members });
        }
    }

    fn life(&mut self) -> u32 {
        self.last_life += 1;
        self.last_life
    }
}

impl Handle<Join> for Meta {
    fn handle(&mut self, join: Join, cx: &mut Context<'_, Self>) -> Result<NodeId, JoinError> {
        if !is_node(cx) {
            return Err(JoinError::Forbidden);
        }
        if self.cluster.incarnation == 0 {
            return Err(JoinError::NotFounded);
        }
        if !is_sound(&join.node) {
            return Err(JoinError::Node);
        }
        if join.node.release < self.cluster.release {
            return Err(JoinError::TooOld);
        }
        let nodes = cx.scan_all::<Nodes>(NODES_MAX);
        let of_name = nodes.into_iter().filter(|(_, it)| it.name == join.node.name);
        let of_name: BTreeMap<_, _> = of_name.collect();
        if let Some((number, _)) = of_name.iter().find(|(_, it)| it.disk == join.node.disk) {
            cx.put::<Nodes>(number, &join.node);
            return Ok(NodeId(*number));
        }
        if cx.scan_all::<Nodes>(NODES_MAX).len() == NODES_MAX {
            return Err(JoinError::Full);
        }
        for (number, before) in of_name {
            cx.put::<Nodes>(&number, &NodeRecord { weight: 0, ..before });
        }
        self.last_node += 1;
        cx.put::<Nodes>(&self.last_node, &join.node);
        Ok(NodeId(self.last_node))
    }
}

/// As whom a node follows the meta group.
fn follower(cx: &Context<'_, Meta>, node: u32) -> Option<Member> {
    cx.get::<Nodes>(&node)?;
    Some(cx.get::<Followers>(&node).unwrap_or(Member { node, life: FIRST_LIFE }))
}

impl Handle<BeginLife> for Meta {
    fn handle(
        &mut self,
        begin: BeginLife,
        cx: &mut Context<'_, Self>,
    ) -> Result<Member, LifeError> {
        if !is_node(cx) {
            return Err(LifeError::Forbidden);
        }
        let BeginLife { group, node: NodeId(node) } = begin;
        let mut assignment = cx.get::<Assignments>(&group).ok_or(LifeError::Unknown)?;
        let place = assignment.members.iter().position(|it| it.node == node);
        let follows = group == META.0 && cx.get::<Nodes>(&node).is_some();
        if place.is_none() && !follows {
            return Err(LifeError::Unknown);
        }
        let member = Member { node, life: self.life() };
        if let Some(place) = place {
            assignment.members[place] = member;
            assignment.version += 1;
            cx.put::<Assignments>(&group, &assignment);
        }
        if follows {
            cx.put::<Followers>(&node, &member);
        }
        Ok(member)
    }
}

impl Handle<Assign> for Meta {
    fn handle(&mut self, assign: Assign, cx: &mut Context<'_, Self>) -> Result<(), AssignError> {
        if !is_node(cx) {
            return Err(AssignError::Forbidden);
        }
        let Assign { shard, after, nodes, voters } = assign;
        let assignment = cx.get::<Assignments>(&shard).ok_or(AssignError::Unknown)?;
        if assignment.version != after {
            return Err(AssignError::Changed);
        }
        let different: BTreeSet<_> = nodes.iter().collect();
        let is_known = |it: &NodeId| cx.get::<Nodes>(&it.0).is_some();
        let is_counted = (1..=COPIES_MAX).contains(&nodes.len()) && different.len() == nodes.len();
        if !is_counted || !nodes.iter().all(is_known) {
            return Err(AssignError::Nodes);
        }
        let known = || assignment.members.iter().chain(&voters);
        let kept = |node: &NodeId| known().find(|it| it.node == node.0).copied();
        let member = |node: &NodeId| {
            let follower = if shard == META.0 { follower(cx, node.0) } else { None };
            let known = kept(node).or(follower);
            known.unwrap_or_else(|| Member { node: node.0, life: self.life() })
        };
        let members = nodes.iter().map(member).collect();
        cx.put::<Assignments>(&shard, &Assignment { version: after + 1, members });
        Ok(())
    }
}

impl Handle<Retire> for Meta {
    fn handle(&mut self, retire: Retire, cx: &mut Context<'_, Self>) -> Result<(), RetireError> {
        if !is_node(cx) {
            return Err(RetireError::Forbidden);
        }
        let NodeId(node) = retire.node;
        let Some(record) = cx.get::<Nodes>(&node) else { return Ok(()) };
        let nodes = cx.scan_all::<Nodes>(NODES_MAX);
        let is_replaced = nodes.iter().any(|(it, other)| *it > node && other.name == record.name);
        let shards = cx.scan_all::<Assignments>(SHARDS_MAX as usize + 1);
        let holds = |(_, it): &(u32, Assignment)| it.members.iter().any(|it| it.node == node);
        if !is_replaced || shards.iter().any(holds) {
            return Err(RetireError::Needed);
        }
        cx.remove::<Nodes>(&node);
        cx.remove::<Followers>(&node);
        Ok(())
    }
}

impl Handle<Finalize> for Meta {
    fn handle(&mut self, to: Finalize, cx: &mut Context<'_, Self>) -> Result<(), FinalizeError> {
        if !is_node(cx) {
            return Err(FinalizeError::Forbidden);
        }
        if self.cluster.incarnation == 0 {
            return Err(FinalizeError::NotFounded);
        }
        if to.release < self.cluster.release {
            return Err(FinalizeError::Lower);
        }
        if cx.scan_all::<Nodes>(NODES_MAX).iter().any(|(_, node)| node.release < to.release) {
            return Err(FinalizeError::Behind);
        }
        self.cluster.release = to.release;
        Ok(())
    }
}

impl Handle<TakeIncarnations> for Meta {
    fn handle(
        &mut self,
        take: TakeIncarnations,
        cx: &mut Context<'_, Self>,
    ) -> Result<u64, MetaError> {
        if !is_node(cx) {
            return Err(MetaError::Forbidden);
        }
        if !(1..=INCARNATIONS_MAX).contains(&take.count) {
            return Err(MetaError::Count);
        }
        let first = self.last_incarnation + 1;
        self.last_incarnation += take.count;
        Ok(first)
    }
}

impl Answer<Describe> for Meta {
    fn answer(&self, _: Describe, view: &Context<'_, Self>) -> Result<Description, Never> {
        Ok(Description {
            cluster: self.cluster.clone(),
            nodes: view.scan_all::<Nodes>(NODES_MAX),
            assignments: view.scan_all::<Assignments>(SHARDS_MAX as usize + 1),
        })
    }
}
