//! Finds out how the cluster is doing.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::transport::NodeId;
use runtime::client::Client;
use serde_json::Value;
use tokio::time::Instant;

use super::health::health;
use super::rates::Rates;
use super::status::{ClusterStatus, CopyLine, NodeLine, ShardLine, Totals};
use crate::gateway::overview::{CopyStatus, NodeStatus, Overview, ShardStatus, Unready};

/// What the channel is called. It is for operators.
pub(in crate::gateway) const CHANNEL: &str = "cluster:status";

/// Between two publications, unless finding out takes longer.
pub(in crate::gateway) const PERIOD: Duration = Duration::from_secs(1);

/// Somebody who looks at the cluster again and again.
pub(in crate::gateway) struct Observer {
    client: Client,
    rates: Rates<Counted>,
    /// Since when nobody serves a shard.
    unserved: BTreeMap<u32, Instant>,
}

/// What is counted, of a node or a shard.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Counted {
    Requests(u32),
    Errors(u32),
    Deliveries(u32),
    Commits(u32),
}

impl Observer {
    /// Somebody who has not looked yet.
    pub(in crate::gateway) fn new(client: Client) -> Self {
        Self { client, rates: Rates::default(), unserved: BTreeMap::new() }
    }

    /// Looks once, which takes a second at most. Rates are known from the second time on.
    pub(in crate::gateway) async fn look(&mut self) -> Value {
        let overview = Overview::take(&self.client).await;
        let now = Instant::now();
        let nodes = overview.nodes().into_iter().map(|it| self.node(&overview, it, now));
        let nodes: Vec<_> = nodes.collect();
        let shards = overview.shards().into_iter().map(|it| self.shard(&overview, it, now));
        let shards: Vec<_> = shards.collect();
        self.rates.forget(now);
        let status = ClusterStatus {
            cluster: overview.cluster().to_owned(),
            node: self.client.router().peers().me().0,
            health: health(&nodes, &shards),
            totals: Totals::of(&nodes, &shards),
            nodes,
            shards,
        };
        serde_json::to_value(status).expect("it is plain data")
    }

    fn node(&mut self, overview: &Overview, status: NodeStatus, now: Instant) -> NodeLine {
        let Some(traffic) = overview.report(status.node).map(|it| &it.traffic) else {
            return NodeLine::silent(status);
        };
        let mut rate = |of: fn(u32) -> Counted, count| self.rates.look(of(status.node), now, count);
        NodeLine {
            requests: rate(Counted::Requests, traffic.requests),
            errors: rate(Counted::Errors, traffic.errors),
            deliveries: rate(Counted::Deliveries, traffic.deliveries),
            sockets: traffic.sockets,
            status,
        }
    }

    fn shard(&mut self, overview: &Overview, status: ShardStatus, now: Instant) -> ShardLine {
        let ShardStatus { shard, is_serving, leader, led, copies } = status;
        let applied = |it: &CopyStatus| Some(it.copy.as_ref()?.applied);
        let of_leader = copies.iter().filter(|it| Some(it.node) == leader).find_map(applied);
        let head = of_leader.or_else(|| copies.iter().filter_map(applied).max());
        if is_serving {
            self.unserved.remove(&shard);
        } else {
            self.unserved.entry(shard).or_insert(now);
        }
        let unserved = self.unserved.get(&shard).map(|since| now - *since);
        ShardLine {
            shard,
            is_serving,
            unserved_ms: unserved.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
            leader,
            activation: led.as_ref().map(|it| it.activation),
            commits: head.and_then(|it| self.rates.look(Counted::Commits(shard), now, it)),
            queued: led.as_ref().map_or(0, |it| it.queued),
            quarantined: led.as_ref().map_or(0, |it| it.quarantined),
            dead_letters: led.as_ref().map_or(0, |it| it.dead_letters),
            copies: copies.iter().map(|it| line(overview, it, head.unwrap_or(0))).collect(),
        }
    }
}

fn line(overview: &Overview, status: &CopyStatus, head: u64) -> CopyLine {
    let CopyStatus { node, copy } = status;
    let trouble = match copy {
        // Of a node that does not answer that is all there is to say.
        None => overview.report(*node).map(|_| Unready::Missing.why()),
        Some(copy) if copy.failure.is_some() => {
            Some("of no use any more: the log of its node says why")
        }
        Some(copy) => Unready::of(copy, NodeId(*node)).map(Unready::why),
    };
    let applied = copy.as_ref().map(|it| it.applied);
    CopyLine { node: *node, applied, lag: applied.map(|it| head.saturating_sub(it)), trouble }
}
