//! What is published: how the cluster is doing, whole.
//!
//! It is at most as large as what waits for a connection may be, for the largest cluster there can be.

use schemars::JsonSchema;
use serde::Serialize;

use super::health::Health;
use crate::gateway::overview::NodeStatus;

/// How the cluster is doing.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(in crate::gateway) struct ClusterStatus {
    /// What it is called.
    pub(super) cluster: String,
    /// The node that says so.
    pub(super) node: u32,
    /// All in all.
    pub(super) health: Health,
    /// Of all nodes and shards.
    pub(super) totals: Totals,
    /// By their numbers.
    pub(super) nodes: Vec<NodeLine>,
    /// By their numbers, the meta group last.
    pub(super) shards: Vec<ShardLine>,
}

/// Sums of what is known.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(super) struct Totals {
    /// Requests answered per second.
    requests: f64,
    /// Those among them that failed for no reason of the client's.
    errors: f64,
    /// Items pushed to clients per second.
    deliveries: f64,
    /// Entries of logs committed per second.
    commits: f64,
    /// Sockets that are open.
    sockets: u64,
}

/// A node.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(super) struct NodeLine {
    #[serde(flatten)]
    pub(super) status: NodeStatus,
    /// Requests answered per second.
    pub(super) requests: Option<f64>,
    /// Those among them that failed for no reason of the client's.
    pub(super) errors: Option<f64>,
    /// Items pushed to clients per second.
    pub(super) deliveries: Option<f64>,
    /// Sockets that are open.
    pub(super) sockets: u64,
}

/// A shard.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(super) struct ShardLine {
    /// Which. 4294967295 is the meta group.
    pub(super) shard: u32,
    /// Whether it serves requests.
    pub(super) is_serving: bool,
    /// For how long nobody has been seen to serve it, in milliseconds: 0 at first sight.
    pub(super) unserved_ms: Option<u64>,
    /// The node that leads it.
    pub(super) leader: Option<u32>,
    /// The life of the shard that is under way.
    pub(super) activation: Option<u64>,
    /// Entries of its log committed per second.
    pub(super) commits: Option<f64>,
    /// Requests and messages that wait.
    pub(super) queued: u64,
    /// Entities that wait for an operator.
    pub(super) quarantined: u64,
    /// Messages that wait for an operator.
    pub(super) dead_letters: u64,
    /// As the cluster assigns them; the first is to lead.
    pub(super) copies: Vec<CopyLine>,
}

/// A copy of a shard.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(super) struct CopyLine {
    /// On which node.
    pub(super) node: u32,
    /// Entries of the log that are applied.
    pub(super) applied: Option<u64>,
    /// Entries that the leader has applied and this copy has not, or that the furthest copy has if
    /// nobody leads. Nodes are not asked at one moment: under load it is a little more, or 0.
    pub(super) lag: Option<u64>,
    /// Why it is of no use, if its node answers.
    pub(super) trouble: Option<&'static str>,
}

impl Totals {
    pub(super) fn of(nodes: &[NodeLine], shards: &[ShardLine]) -> Self {
        let sum = |of: fn(&NodeLine) -> Option<f64>| nodes.iter().filter_map(of).sum();
        Self {
            requests: sum(|it| it.requests),
            errors: sum(|it| it.errors),
            deliveries: sum(|it| it.deliveries),
            commits: shards.iter().filter_map(|it| it.commits).sum(),
            sockets: nodes.iter().map(|it| it.sockets).sum(),
        }
    }
}

impl NodeLine {
    /// A node that has not answered.
    pub(super) fn silent(status: NodeStatus) -> Self {
        Self { status, requests: None, errors: None, deliveries: None, sockets: 0 }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use cluster::meta::api::{
        ADDRESS_BYTES_MAX, COPIES_MAX, NAME_BYTES_MAX, NODES_MAX, SHARDS_MAX,
    };

    use super::*;
    use crate::gateway::console::health::health;
    use crate::gateway::knobs::Knobs;
    use crate::gateway::overview::Unready;

    /// A node that is there.
    pub(in crate::gateway::console) fn node(number: u32) -> NodeLine {
        NodeLine::silent(NodeStatus {
            node: number,
            name: format!("n{number}"),
            zone: String::new(),
            weight: 1,
            address: format!("10.0.0.{number}:7400"),
            release: 1,
            is_there: true,
            silent_ms: None,
            version: "0.1.0".to_owned(),
            up_ms: 5_000,
            copies: 1,
            leads: 1,
            log_bytes: 1,
            is_storage_full: false,
            used_bytes: 1,
            free_bytes: 1,
            clock_ahead_ms: None,
            is_clock_wrong: false,
        })
    }

    /// A shard that is led by a node, and has a copy on another.
    pub(in crate::gateway::console) fn shard(number: u32) -> ShardLine {
        let copy = |node| CopyLine { node, applied: Some(7), lag: Some(0), trouble: None };
        ShardLine {
            shard: number,
            is_serving: true,
            unserved_ms: None,
            leader: Some(1),
            activation: Some(3),
            commits: Some(0.0),
            queued: 0,
            quarantined: 0,
            dead_letters: 0,
            copies: vec![copy(1), copy(2)],
        }
    }

    #[test]
    fn the_largest_cluster_fits() {
        let long = |bytes| "x".repeat(bytes);
        let largest = |number: usize| {
            let mut line = node(u32::try_from(number).expect("a few"));
            line.status.name = long(NAME_BYTES_MAX);
            line.status.zone = long(NAME_BYTES_MAX);
            line.status.address = long(ADDRESS_BYTES_MAX);
            line.status.silent_ms = Some(u64::MAX);
            (line.status.log_bytes, line.status.used_bytes) = (u64::MAX, u64::MAX);
            (line.status.free_bytes, line.status.up_ms, line.sockets) =
                (u64::MAX, u64::MAX, 1 << 50);
            (line.requests, line.errors, line.deliveries) = (Some(1e15), Some(1e15), Some(1e15));
            line
        };
        let nodes: Vec<_> = (0..NODES_MAX).map(largest).collect();
        let worst = |number| {
            let (applied, lag) = (Some(u64::MAX), Some(u64::MAX));
            let copy =
                CopyLine { node: u32::MAX, applied, lag, trouble: Some(Unready::Unserved.why()) };
            let (activation, commits) = (Some(u64::MAX), Some(1e15));
            let (unserved_ms, copies) = (Some(u64::MAX), vec![copy; COPIES_MAX]);
            ShardLine { unserved_ms, activation, commits, copies, ..shard(number) }
        };
        let shards: Vec<_> = (0..=SHARDS_MAX).map(worst).collect();
        let health = health(&nodes, &shards);
        let totals = Totals::of(&nodes, &shards);
        let cluster = long(NAME_BYTES_MAX);
        let status = ClusterStatus { cluster, node: 1, health, totals, nodes, shards };
        let text = serde_json::to_string(&status).expect("it is plain data");
        assert!(text.len() < Knobs::default().outbox_bytes_max, "{} bytes", text.len());
    }
}
