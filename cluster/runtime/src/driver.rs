//! Decides who holds each shard. Runs where the meta group is led.

use std::collections::BTreeSet;
use std::time::Duration;

use cluster::meta::Roster;
use cluster::meta::api::{Assign, Retire};
use cluster::placement::{Candidate, spread};
use cluster::transport::NodeId;

use crate::meta;
use crate::router::Router;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Moves shards to where they should be, one after the other, as long as this node leads the meta
/// group. A node that is silent for `replace_after`, or answers nobody, holds nothing any more.
pub(crate) async fn drive(shards: &Router, replace_after: Duration) {
    let home = shards.peers().home();
    loop {
        home.sleep(probe::knob!(PlacementPeriod, PERIOD)).await;
        if probe::buggify!(PlacementSkipped) {
            continue;
        }
        let (roster, now) = (shards.roster(), home.now());
        let mut gone = shards.detector().silent(replace_after, now);
        gone.extend(shards.progress().mute(replace_after));
        let is_near = |it: NodeId| it == shards.peers().me() || shards.progress().is_near(it, now);
        let (assign, replaced) = (next_move(&roster, &gone, is_near), replaced(&roster));
        if assign.is_none() && replaced.is_none() || !is_settled(shards, &roster).await {
            continue;
        }
        let Some(assign) = assign else {
            retire(shards, replaced).await;
            continue;
        };
        tracing::info!(?assign, "a shard moves");
        if let Err(error) = meta::once(shards, "assign", &assign).await {
            tracing::warn!(%error, "a shard does not move");
            continue;
        }
        probe::sometimes!(ShardMoved);
        probe::sometimes!(NodeReplaced, !gone.is_empty());
    }
}

/// A node whose place another one of its name has taken, and that is to hold nothing any more.
fn replaced(roster: &Roster) -> Option<NodeId> {
    let is_newer = |(node, name): (&NodeId, &str)| {
        roster.nodes.iter().any(|(other, it)| other > node && it.name == name)
    };
    let mut nodes = roster.nodes.iter();
    nodes.find(|(node, it)| is_newer((*node, &it.name))).map(|(node, _)| *node)
}

async fn retire(shards: &Router, node: Option<NodeId>) {
    let Some(node) = node else { return };
    tracing::info!(peer = node.0, "a node is forgotten: another one has taken its place");
    if let Err(error) = meta::once(shards, "retire", &Retire { node }).await {
        tracing::warn!(%error, "a node is not forgotten");
    }
}

/// The first shard that is not where it should be, and where it should be. Copies that can stay do,
/// in their order: what moves is what must, and only to nodes that answer.
fn next_move(
    roster: &Roster,
    gone: &BTreeSet<NodeId>,
    is_near: impl Fn(NodeId) -> bool,
) -> Option<Assign> {
    let candidates: Vec<_> = roster
        .nodes
        .iter()
        .filter(|(node, _)| !gone.contains(node))
        .map(|(node, it)| Candidate::new(*node, &it.zone, it.weight))
        .collect();
    let copies = usize::from(roster.cluster.copies);
    let mut spread = spread(roster.assignments.keys().copied(), &candidates, copies);
    roster.assignments.iter().find_map(|(shard, assignment)| {
        let wanted = spread.remove(shard)?;
        let held: Vec<_> = assignment.members.iter().map(|it| NodeId(it.node)).collect();
        // A cluster that has lost too many nodes waits for them, or for others.
        let can_begin = wanted.iter().all(|it| held.contains(it) || is_near(*it));
        let is_possible = can_begin && wanted.len() >= held.len().min(copies);
        let is_other = is_possible && wanted != held;
        is_other.then_some(Assign { shard: shard.0, after: assignment.version, nodes: wanted })
    })
}

/// Whether every shard has the members that it should have: one moves at a time. One that does not arrive is
/// not sent elsewhere: whoever still votes for it, and was to leave, would come back as somebody else.
async fn is_settled(shards: &Router, roster: &Roster) -> bool {
    for (shard, assignment) in &roster.assignments {
        let wanted: BTreeSet<_> = assignment.members.iter().copied().collect();
        let settled = shards.members(*shard).await.is_some_and(|it| it.are(&wanted));
        if !settled {
            tracing::debug!(shard = shard.0, "a shard is still moving");
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use cluster::meta::{Assignment, Cluster, Member, NodeRecord};
    use cluster::slots::ShardId;

    use super::*;

    fn roster(nodes: u32, weight: impl Fn(u32) -> u32) -> Roster {
        let node = |number: u32| {
            let record = NodeRecord {
                name: format!("n{number}"),
                disk: u128::from(number),
                zone: String::new(),
                weight: weight(number),
                address: String::new(),
                release: 1,
            };
            (NodeId(number), record)
        };
        let cluster = Cluster { copies: 3, shards: 8, ..Cluster::default() };
        let mut roster = Roster::default();
        (roster.cluster, roster.nodes) = (cluster, (1..=nodes).map(node).collect());
        roster
    }

    /// Takes moves until there is none. Yields how many there were.
    fn settle(roster: &mut Roster, gone: &BTreeSet<NodeId>) -> usize {
        let mut moves = 0;
        while let Some(Assign { shard, after, nodes }) = next_move(roster, gone, |_| true) {
            let member = |node: NodeId| Member { node: node.0, life: 1 };
            let members = nodes.into_iter().map(member).collect();
            roster.assignments.insert(ShardId(shard), Assignment { version: after + 1, members });
            moves += 1;
            assert!(moves < 1_000, "it never ends");
        }
        moves
    }

    fn holds(roster: &Roster, node: u32) -> usize {
        let members = roster.assignments.values().flat_map(|it| &it.members);
        members.filter(|it| it.node == node).count()
    }

    #[test]
    fn shards_follow_nodes_and_rest() {
        let mut cluster = roster(3, |_| 100);
        for shard in 0..8 {
            cluster.assignments.insert(ShardId(shard), Assignment { version: 0, members: vec![] });
        }
        settle(&mut cluster, &BTreeSet::new());
        assert_eq!(next_move(&cluster, &BTreeSet::new(), |_| true), None);
        assert_eq!(holds(&cluster, 1), 8);
        let joined = roster(4, |_| 100);
        cluster.nodes = joined.nodes;
        assert!(settle(&mut cluster, &BTreeSet::new()) > 0);
        assert!(holds(&cluster, 4) > 2);
        let drained = roster(4, |node| if node == 2 { 0 } else { 100 });
        cluster.nodes = drained.nodes;
        settle(&mut cluster, &BTreeSet::new());
        assert_eq!(holds(&cluster, 2), 0);
    }

    #[test]
    fn what_a_lost_node_held_goes_to_others_if_there_are_any() {
        let mut cluster = roster(4, |_| 100);
        for shard in 0..8 {
            cluster.assignments.insert(ShardId(shard), Assignment { version: 0, members: vec![] });
        }
        settle(&mut cluster, &BTreeSet::new());
        settle(&mut cluster, &BTreeSet::from([NodeId(1)]));
        assert_eq!(holds(&cluster, 1), 0);
        assert_eq!((2..=4).map(|node| holds(&cluster, node)).sum::<usize>(), 24);
        assert_eq!(settle(&mut cluster, &BTreeSet::from([NodeId(1), NodeId(2)])), 0);
    }

    #[test]
    fn nothing_moves_to_a_node_that_does_not_answer() {
        let mut cluster = roster(3, |_| 100);
        for shard in 0..8 {
            cluster.assignments.insert(ShardId(shard), Assignment { version: 0, members: vec![] });
        }
        settle(&mut cluster, &BTreeSet::new());
        cluster.nodes = roster(5, |_| 100).nodes;
        let nobody = BTreeSet::new();
        let moved = next_move(&cluster, &nobody, |it| it != NodeId(5)).unwrap();
        assert!(!moved.nodes.contains(&NodeId(5)), "{moved:?}");
        assert_eq!(next_move(&cluster, &nobody, |it| it.0 < 4), None);
    }
}
