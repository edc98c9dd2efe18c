//! Where the copies of a shard should be: weighted rendezvous hashing, spread over zones.
//!
//! Every node has a score for every shard; the highest scores win. A node that comes takes shards only
//! for itself, and one that goes leaves only its own. Who leads is bounded: with few shards the scores
//! alone would have one node lead most of them. To lead another shard costs no copying.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::slots::ShardId;
use crate::transport::NodeId;

/// A node that can hold copies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate<'a> {
    node: NodeId,
    zone: &'a str,
    weight: u32,
}

impl<'a> Candidate<'a> {
    /// A node with its zone and its weight; of weight 0 it holds nothing.
    pub fn new(node: NodeId, zone: &'a str, weight: u32) -> Self {
        Self { node, zone, weight }
    }

    /// The higher, the better. With a weight of n it wins n times as often as with 1.
    ///
    /// The usual formula is weight / -ln(u) for a u drawn evenly from (0, 1). A logarithm must not
    /// differ from machine to machine: it is taken in whole numbers, of base 2.
    fn score(&self, shard: ShardId) -> u64 {
        let drawn = mix(mix(u64::from(shard.0)) ^ u64::from(self.node.0));
        let logarithm = 64 * ONE - log2(drawn | 1);
        (u64::from(self.weight) << 40) / logarithm.max(1)
    }
}

/// The nodes by their claim to a shard, the best first. Nodes of weight 0 have none.
pub fn rank<'a>(shard: ShardId, candidates: &[Candidate<'a>]) -> Vec<Candidate<'a>> {
    let mut ranked: Vec<_> = candidates.iter().filter(|it| it.weight > 0).cloned().collect();
    ranked.sort_by_key(|it| (Reverse(it.score(shard)), it.node));
    ranked
}

/// Which nodes should hold a shard: `copies` of them, fewer if there are no more. No two are in one
/// zone as long as another zone is left.
pub fn place(shard: ShardId, candidates: &[Candidate<'_>], copies: usize) -> Vec<NodeId> {
    let mut left = rank(shard, candidates);
    let (mut placed, mut zones) = (Vec::new(), BTreeSet::new());
    while placed.len() < copies && !left.is_empty() {
        let fresh = left.iter().position(|it| !zones.contains(it.zone));
        if fresh.is_none() {
            zones.clear();
        }
        let next = left.remove(fresh.unwrap_or(0));
        zones.insert(next.zone);
        placed.push(next.node);
    }
    placed
}

/// Where all shards should be: each as [`place`] says, and led, which is to come first, by the best of those
/// nodes that do not lead their share yet; by the best of all where each of them does.
pub fn spread(
    shards: impl IntoIterator<Item = ShardId>,
    candidates: &[Candidate<'_>],
    copies: usize,
) -> BTreeMap<ShardId, Vec<NodeId>> {
    let shards: Vec<_> = shards.into_iter().collect();
    let weight = |it: &Candidate<'_>| u64::from(it.weight);
    let (whole, count) = (candidates.iter().map(weight).sum::<u64>().max(1), shards.len() as u64);
    let share = |it: &Candidate<'_>| (it.node, (count * weight(it)).div_ceil(whole));
    let mut left: BTreeMap<_, _> = candidates.iter().map(share).collect();
    let mut spread = BTreeMap::new();
    for shard in shards {
        let mut nodes = place(shard, candidates, copies);
        let leads = nodes.iter().position(|it| left[it] > 0).unwrap_or(0);
        if let Some(left) = nodes.get(leads).and_then(|it| left.get_mut(it)) {
            *left = left.saturating_sub(1);
            nodes[..=leads].rotate_right(1);
        }
        spread.insert(shard, nodes);
    }
    spread
}

/// One in the fixed-point numbers of [`log2`].
const ONE: u64 = 1 << 24;

/// The logarithm of base 2, in units of 1 / [`ONE`], rounded down. By squaring: each square above 2
/// is one more binary digit.
fn log2(number: u64) -> u64 {
    let whole = u64::from(number.ilog2());
    // The number as 1.63 fixed point.
    let mut rest = u128::from(number << (63 - whole));
    let mut logarithm = whole * ONE;
    let mut digit = ONE;
    while digit > 1 {
        digit >>= 1;
        rest = (rest * rest) >> 63;
        if rest >= 1 << 64 {
            logarithm += digit;
            rest >>= 1;
        }
    }
    logarithm
}

const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(weights: &[u32]) -> Vec<Candidate<'static>> {
        let node = |index: usize| NodeId(u32::try_from(index + 1).unwrap());
        let one = |(index, weight): (usize, &u32)| Candidate::new(node(index), "", *weight);
        weights.iter().enumerate().map(one).collect()
    }

    #[test]
    fn logarithms() {
        let cases = [(1, 0.0), (2, 1.0), (3, 1.584_962_5), (1 << 40, 40.0), (u64::MAX, 64.0)];
        for (number, expected) in cases {
            #[expect(clippy::cast_precision_loss, reason = "a test compares with the true one")]
            let found = log2(number) as f64 / ONE as f64;
            assert!((found - expected).abs() < 1e-6, "{number}: {found}");
        }
    }

    #[test]
    fn shares_follow_weights() {
        for weights in [&[100, 100, 100][..], &[100, 200, 300], &[1, 1, 1, 1, 1, 1, 5], &[100, 0]] {
            let (nodes, shards) = (nodes(weights), 20_000);
            let mut won = vec![0_u32; weights.len()];
            for shard in 0..shards {
                let first = place(ShardId(shard), &nodes, 1)[0];
                won[first.0 as usize - 1] += 1;
            }
            let total: u32 = weights.iter().sum();
            for (weight, won) in weights.iter().zip(won) {
                let expected = weight * shards / total;
                assert!(
                    won.abs_diff(expected) <= expected / 10,
                    "{weights:?}: {won} of {expected}"
                );
            }
        }
    }

    #[test]
    fn a_node_that_comes_or_goes_moves_only_its_own() {
        let (four, five) = (nodes(&[100; 4]), nodes(&[100; 5]));
        for shard in (0..2_000).map(ShardId) {
            let (before, after) = (place(shard, &four, 3), place(shard, &five, 3));
            let left: Vec<_> = before.iter().filter(|it| !after.contains(it)).collect();
            assert!(left.is_empty() || left.len() == 1 && after.contains(&NodeId(5)));
            let rest: Vec<_> = after.iter().filter(|it| **it != NodeId(5)).collect();
            assert!(rest.iter().all(|it| before.contains(it)));
        }
    }

    #[test]
    fn nobody_leads_more_than_its_share() {
        let leads = |weights: &[u32], shards: u32| {
            let candidates = nodes(weights);
            let spread = spread((0..shards).map(ShardId), &candidates, 3);
            for (shard, found) in &spread {
                let placed: BTreeSet<_> = place(*shard, &candidates, 3).into_iter().collect();
                assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), placed);
            }
            let leads = |node: u32| spread.values().filter(|it| it[0] == NodeId(node)).count();
            (1..).take(weights.len()).map(leads).collect::<Vec<_>>()
        };
        for shards in [3, 9, 33, 300] {
            assert_eq!(leads(&[100; 3], shards), vec![shards as usize / 3; 3]);
        }
        assert_eq!(leads(&[100, 200, 100], 8), [2, 4, 2]);
        assert_eq!(leads(&[100, 0, 100], 8), [4, 0, 4]);
        let many = leads(&[100; 12], 256);
        assert!(many.iter().all(|it| (14..=25).contains(it)), "{many:?}");
        assert!(spread([ShardId(1)], &[], 3)[&ShardId(1)].is_empty());
    }

    #[test]
    fn a_node_that_comes_changes_few_leaders() {
        let spread = |count: usize| spread((0..256).map(ShardId), &nodes(&vec![100; count]), 3);
        let (before, after) = (spread(11), spread(12));
        let others = before.iter().filter(|(shard, it)| it[0] != after[shard][0]).count();
        // It takes 22 itself.
        assert!(others <= 66, "{others}");
    }

    #[test]
    fn copies_are_spread_over_zones() {
        let zones = ["a", "a", "a", "b", "b", "c"];
        let nodes: Vec<_> = (1..).map(NodeId).zip(zones).collect();
        let candidates: Vec<_> =
            nodes.iter().map(|(node, zone)| Candidate::new(*node, zone, 100)).collect();
        let zone = |node: &NodeId| zones[node.0 as usize - 1];
        for shard in (0..500).map(ShardId) {
            let placed: BTreeSet<_> = place(shard, &candidates, 3).iter().map(zone).collect();
            assert_eq!(placed.len(), 3);
            let five = place(shard, &candidates, 5);
            assert_eq!(five.iter().collect::<BTreeSet<_>>().len(), 5);
        }
        assert_eq!(place(ShardId(1), &candidates, 9).len(), 6, "as many as there are");
        assert!(place(ShardId(1), &[], 3).is_empty());
    }
}
