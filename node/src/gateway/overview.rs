//! The cluster as operators see it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cluster::meta::{NodeRecord, Roster};
use cluster::slots::META;
use cluster::transport::NodeId;
use runtime::client::Client;
use runtime::report::{CopyReport, LedReport, NodeReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the nodes of the cluster say at a moment.
pub(crate) struct Overview {
    known: Arc<Roster>,
    /// None of a node that has not answered.
    reports: BTreeMap<NodeId, Option<NodeReport>>,
    /// Of nodes that count as down: for how long nothing has been heard of them.
    silences: BTreeMap<NodeId, Duration>,
}

/// A node.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct NodeStatus {
    /// Its number.
    pub(crate) node: u32,
    /// Its name.
    pub(crate) name: String,
    /// Its zone; empty if there are none.
    pub(crate) zone: String,
    /// Its share of the shards, beside those of the others.
    pub(crate) weight: u32,
    /// Where other nodes find it.
    pub(crate) address: String,
    /// The newest release whose layouts its program can read.
    pub(crate) release: u16,
    /// Whether it has answered.
    pub(crate) is_there: bool,
    /// For how long nothing has been heard of it, in milliseconds, if it counts as down.
    pub(crate) silent_ms: Option<u64>,
    /// Of its program; empty if it has not answered, as all that follows is 0 then.
    pub(crate) version: String,
    /// For how long it has been running, in milliseconds.
    pub(crate) up_ms: u64,
    /// How many shards it holds a copy of, the meta group among them.
    pub(crate) copies: usize,
    /// How many of them it leads.
    pub(crate) leads: usize,
    /// Bytes of its log.
    pub(crate) log_bytes: u64,
    /// Whether its disk is nearly full: it takes only what makes room.
    pub(crate) is_storage_full: bool,
    /// Bytes that all it stores has on the disk.
    pub(crate) used_bytes: u64,
    /// Bytes that are free on its disk.
    pub(crate) free_bytes: u64,
    /// How far its clock is ahead of the middle one of all clocks, in milliseconds; negative when it is
    /// behind. None when it knows of fewer than three.
    pub(crate) clock_ahead_ms: Option<i64>,
    /// Whether its clock is surely more than half a second off most others: it leads nothing, if anybody
    /// else can.
    pub(crate) is_clock_wrong: bool,
}

/// A shard.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct ShardStatus {
    /// Which. 4294967295 is the meta group: who is in the cluster, and who holds what.
    pub(crate) shard: u32,
    /// Whether it serves requests.
    pub(crate) is_serving: bool,
    /// The node that leads it.
    pub(crate) leader: Option<u32>,
    /// What its leader says.
    pub(crate) led: Option<LedReport>,
    /// Its copies, in the order in which they are to lead.
    pub(crate) copies: Vec<CopyStatus>,
}

/// A copy of a shard.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct CopyStatus {
    /// On which node.
    pub(crate) node: u32,
    /// What it says; none if its node has not answered, or does not have it.
    pub(crate) copy: Option<CopyReport>,
}

impl Overview {
    /// Asks all nodes that do not count as down. It takes a second at most.
    pub(crate) async fn take(client: &Client) -> Self {
        let reports = client.node().reports().await;
        let known = client.router().roster();
        let silence = |node: &NodeId| Some((*node, client.node().silence(*node)?));
        let silences = known.nodes.keys().filter_map(silence).collect();
        Self { known, reports, silences }
    }

    /// What the cluster is called.
    pub(crate) fn cluster(&self) -> &str {
        &self.known.cluster.name
    }

    /// What a node has said.
    pub(crate) fn report(&self, node: u32) -> Option<&NodeReport> {
        self.reports.get(&NodeId(node))?.as_ref()
    }

    /// The nodes of the cluster.
    pub(crate) fn nodes(&self) -> Vec<NodeStatus> {
        self.known.nodes.iter().map(|(node, record)| self.node(*node, record)).collect()
    }

    fn node(&self, node: NodeId, record: &NodeRecord) -> NodeStatus {
        let report = self.report(node.0);
        let copies = report.map_or(&[][..], |it| &it.copies);
        let silence = self.silences.get(&node);
        let NodeRecord { name, zone, weight, address, release, .. } = record.clone();
        NodeStatus {
            node: node.0,
            name,
            zone,
            weight,
            address,
            release,
            is_there: report.is_some(),
            silent_ms: silence.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
            version: report.map(|it| it.version.clone()).unwrap_or_default(),
            up_ms: report.map_or(0, |it| it.up_ms),
            copies: copies.len(),
            leads: copies.iter().filter(|it| it.led.is_some()).count(),
            log_bytes: report.map_or(0, |it| it.log_bytes),
            is_storage_full: report.is_some_and(|it| it.is_storage_full),
            used_bytes: report.map_or(0, |it| it.used_bytes),
            free_bytes: report.map_or(0, |it| it.free_bytes),
            clock_ahead_ms: report.and_then(|it| it.clock_ahead_micros).map(|it| it / 1_000),
            is_clock_wrong: report.is_some_and(|it| it.is_clock_wrong),
        }
    }

    /// The shards of the cluster, the meta group last.
    pub(crate) fn shards(&self) -> Vec<ShardStatus> {
        let assigned = self.known.assignments.iter();
        let status = assigned.map(|(shard, assignment)| {
            let nodes = assignment.members.iter().map(|it| it.node);
            let copies: Vec<_> = nodes.map(|node| self.copy(node, shard.0)).collect();
            let led = copies.iter().find_map(|it| Some((it.node, it.copy.as_ref()?.led.clone()?)));
            let (leader, led) = led.unzip();
            let is_serving = led.as_ref().is_some_and(|it| it.is_serving);
            ShardStatus { shard: shard.0, is_serving, leader, led, copies }
        });
        status.collect()
    }

    fn copy(&self, node: u32, shard: u32) -> CopyStatus {
        let mut copies = self.report(node).into_iter().flat_map(|it| &it.copies);
        CopyStatus { node, copy: copies.find(|it| it.shard == shard).cloned() }
    }
}

/// A copy that has had something to apply for so long, and has applied nothing, is stuck.
const STILL_MAX: Duration = Duration::from_secs(5);

/// Why a copy of this node is of no use now.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Unready {
    /// It should be here, and is not yet.
    Missing,
    /// Nobody serves the shard, as far as this node knows.
    Unserved,
    /// Too many of the nodes that hold the others are silent.
    Alone,
    /// It applies nothing, although there is something to apply.
    Stuck,
}

impl Unready {
    /// For people.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Missing => "not here yet",
            Self::Unserved => "served by nobody that this node knows of",
            Self::Alone => "without a quorum that this node hears of",
            Self::Stuck => "behind, and not getting on",
        }
    }

    /// Why a copy is of no use to its node, if it is so.
    pub(crate) fn of(copy: &CopyReport, me: NodeId) -> Option<Self> {
        let is_served = match (&copy.led, copy.leader) {
            (Some(led), _) => led.is_serving,
            (None, leader) => leader.is_some_and(|it| it != me.0),
        };
        let cases = [
            (!is_served, Self::Unserved),
            (!copy.is_quorum_near, Self::Alone),
            (u128::from(copy.still_ms) > STILL_MAX.as_millis(), Self::Stuck),
        ];
        cases.into_iter().find_map(|(is_it, why)| is_it.then_some(why))
    }
}

/// The shards that this node holds, or should hold, and is of no use for. None: it does not know any
/// cluster yet.
pub(crate) async fn unready(client: &Client) -> Option<BTreeMap<Unready, Vec<u32>>> {
    let (known, me) = (client.router().roster(), client.router().peers().me());
    if known.cluster.incarnation == 0 {
        return None;
    }
    let held = client.node().report().await.copies;
    let mut unready: BTreeMap<Unready, Vec<u32>> = BTreeMap::new();
    for copy in &held {
        if let Some(why) = Unready::of(copy, me) {
            unready.entry(why).or_default().push(copy.shard);
        }
    }
    let is_here = |shard: u32| held.iter().any(|it| it.shard == shard);
    let missing = known.hosted(me).into_keys().filter(|it| *it != META && !is_here(it.0));
    let missing: Vec<_> = missing.map(|it| it.0).collect();
    if !missing.is_empty() {
        unready.insert(Unready::Missing, missing);
    }
    Some(unready)
}

/// Whether this node is of use for every shard that it holds.
pub async fn is_ready(client: &Client) -> bool {
    unready(client).await.is_some_and(|it| it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_to_be_served_near_a_quorum_and_getting_on() {
        let good = CopyReport {
            shard: 1,
            leader: Some(2),
            term: 1,
            is_voter: true,
            applied: 7,
            lag: 0,
            still_ms: 0,
            is_quorum_near: true,
            failure: None,
            led: None,
        };
        let cases = [
            (good.clone(), None),
            (CopyReport { leader: None, ..good.clone() }, Some(Unready::Unserved)),
            (CopyReport { leader: Some(1), ..good.clone() }, Some(Unready::Unserved)),
            (CopyReport { is_quorum_near: false, ..good.clone() }, Some(Unready::Alone)),
            (CopyReport { still_ms: 5_000, lag: 1, ..good.clone() }, None),
            (CopyReport { still_ms: 5_001, lag: 1, ..good }, Some(Unready::Stuck)),
        ];
        for (copy, expected) in cases {
            assert_eq!(Unready::of(&copy, NodeId(1)), expected, "{copy:?}");
        }
    }
}
