//! Decides who holds each shard. Runs where the meta group is led.

use std::collections::BTreeSet;
use std::time::Duration;

use cluster::meta::api::{Assign, Retire};
use cluster::meta::{Member, Roster};
use cluster::placement::{Candidate, spread};
use cluster::slots::ShardId;
use cluster::transport::NodeId;

use crate::meta;
use crate::router::Router;
use crate::wire::Members;

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
        let (assign, replaced) = (next_move(&roster, &gone, is_near, None), replaced(&roster));
        if assign.is_none() && replaced.is_none() {
            continue;
        }
        let assign = match under_way(shards, &roster, &gone).await {
            Way::Clear => assign,
            Way::Lost(shard, voters) => {
                let again = next_move(&roster, &gone, is_near, Some(shard));
                let Some(assign) = again else { continue };
                probe::sometimes!(MoveLost);
                Some(Assign { voters, ..assign })
            }
            Way::Busy => continue,
        };
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
/// in their order: what moves is what must, and only to nodes that answer. If it is to be a certain shard,
/// that one.
fn next_move(
    roster: &Roster,
    gone: &BTreeSet<NodeId>,
    is_near: impl Fn(NodeId) -> bool,
    only: Option<ShardId>,
) -> Option<Assign> {
    let candidates: Vec<_> = roster
        .nodes
        .iter()
        .filter(|(node, _)| !gone.contains(node))
        .map(|(node, it)| Candidate::new(*node, &it.zone, it.weight))
        .collect();
    let copies = usize::from(roster.cluster.copies);
    let mut spread = spread(roster.assignments.keys().copied(), &candidates, copies);
    let mut shards = roster.assignments.iter().filter(|it| only.is_none_or(|only| *it.0 == only));
    shards.find_map(|(shard, assignment)| {
        let wanted = spread.remove(shard)?;
        let held: Vec<_> = assignment.members.iter().map(|it| NodeId(it.node)).collect();
        // A cluster that has lost too many nodes waits for them, or for others.
        let can_begin = wanted.iter().all(|it| held.contains(it) || is_near(*it));
        let is_possible = can_begin && wanted.len() >= held.len().min(copies);
        let is_other = is_possible && wanted != held;
        let (shard, after, voters) = (shard.0, assignment.version, Vec::new());
        is_other.then_some(Assign { shard, after, nodes: wanted, voters })
    })
}

/// What is under way.
enum Way {
    /// Every shard has the members that it should have.
    Clear,
    /// A shard moves to a node that is gone. These vote for it until then.
    Lost(ShardId, Vec<Member>),
    /// Something that has to be waited for: one shard moves at a time.
    Busy,
}

async fn under_way(shards: &Router, roster: &Roster, gone: &BTreeSet<NodeId>) -> Way {
    let mut way = Way::Clear;
    for (shard, assignment) in &roster.assignments {
        let wanted: BTreeSet<_> = assignment.members.iter().copied().collect();
        way = match (shards.members(*shard).await, way) {
            (Some(it), way) if it.are(&wanted) => way,
            (Some(it), Way::Clear) if is_lost(&wanted, &it, gone) => {
                Way::Lost(*shard, it.voters.into_iter().collect())
            }
            (Some(_) | None, _) => {
                tracing::debug!(shard = shard.0, "a shard is still moving");
                return Way::Busy;
            }
        };
    }
    way
}

/// Whether a change of members waits for one that does not come: nothing has been changed yet.
fn is_lost(wanted: &BTreeSet<Member>, members: &Members, gone: &BTreeSet<NodeId>) -> bool {
    let mut missing = wanted.difference(&members.voters);
    !members.is_changing && missing.any(|it| gone.contains(&NodeId(it.node)))
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
        while let Some(Assign { shard, after, nodes, .. }) = next_move(roster, gone, |_| true, None)
        {
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
        assert_eq!(next_move(&cluster, &BTreeSet::new(), |_| true, None), None);
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
        let moved = next_move(&cluster, &nobody, |it| it != NodeId(5), None).unwrap();
        assert!(!moved.nodes.contains(&NodeId(5)), "{moved:?}");
        assert_eq!(next_move(&cluster, &nobody, |it| it.0 < 4, None), None);
    }

    #[test]
    fn a_shard_on_its_way_to_a_lost_node_goes_somewhere_else() {
        let member = |node: u32| Member { node, life: 1 };
        let (wanted, voters) =
            (BTreeSet::from([1, 2, 5].map(member)), [1, 2, 3].map(member).into());
        let learners = BTreeSet::from([member(5)]);
        let members = Members { voters, learners, is_changing: false };
        let lost = |members: &Members, gone: u32| {
            is_lost(&wanted, members, &BTreeSet::from([NodeId(gone)]))
        };
        assert!(lost(&members, 5));
        assert!(!lost(&members, 3) && !lost(&members, 2), "nobody waits for these");
        assert!(!lost(&Members { is_changing: true, ..members }, 5), "it cannot be taken back");
        let mut cluster = roster(5, |_| 100);
        for shard in 0..8 {
            let members = [1, 2, 5].map(member).into();
            cluster.assignments.insert(ShardId(shard), Assignment { version: 1, members });
        }
        let gone = BTreeSet::from([NodeId(5)]);
        let again = next_move(&cluster, &gone, |_| true, Some(ShardId(3))).unwrap();
        assert!(again.shard == 3 && !again.nodes.contains(&NodeId(5)), "{again:?}");
    }
}
