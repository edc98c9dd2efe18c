//! Who leads what.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use cluster::slots::{Directory, META, ShardId};
use entity::Key;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::target::ServedError;
use crate::api::{Api, Call};
use crate::gateway::{NodeStatus, ShardStatus};

/// How often it is asked until all shards serve.
const LOOKS_MAX: u32 = 300;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(100);

/// Nodes and shards.
#[derive(Clone, Debug)]
pub(super) struct Map {
    /// Where each node serves clients, by its number.
    pub(super) urls: BTreeMap<u32, String>,
    /// Their names.
    pub(super) names: BTreeMap<u32, String>,
    /// Who leads each shard, the meta group not among them.
    pub(super) leaders: BTreeMap<ShardId, u32>,
    directory: Directory,
}

#[derive(Deserialize)]
struct Nodes {
    node: u32,
    nodes: Vec<NodeStatus>,
}

#[derive(Deserialize)]
struct Shards {
    shards: Vec<ShardStatus>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Until {
    /// Every shard serves.
    Serving,
    /// Every shard is led where it is to be led: nothing moves in the middle of a measurement.
    AtRest,
}

impl Map {
    /// Waits for that, on nodes that are all there.
    pub(super) async fn settled(
        urls: &[String],
        token: &str,
        until: Until,
    ) -> Result<Self, ServedError> {
        let mut last = String::new();
        for _ in 0..LOOKS_MAX {
            match Self::look(urls, token, until).await? {
                Ok(map) => return Ok(map),
                Err(why) => last = why,
            }
            sleep(PERIOD).await;
        }
        Err(ServedError::Other(format!("the cluster is not ready: {last}")))
    }

    async fn look(
        urls: &[String],
        token: &str,
        until: Until,
    ) -> Result<Result<Self, String>, ServedError> {
        let (mut by_number, mut names) = (BTreeMap::new(), BTreeMap::new());
        for url in urls {
            let Nodes { node, nodes } = ask(url, token, "nodes").await?;
            by_number.insert(node, url.clone());
            if let Some(away) = nodes.iter().find(|it| !it.is_there) {
                return Ok(Err(format!("node {} is not there", away.name)));
            }
            names.extend(nodes.into_iter().map(|it| (it.node, it.name)));
        }
        let Some(url) = urls.first() else {
            return Err(ServedError::Other("name a node with --to".to_owned()));
        };
        let Shards { shards } = ask(url, token, "shards").await?;
        if let Some(away) = shards.iter().find(|it| !it.is_serving) {
            return Ok(Err(format!("shard {} does not serve", away.shard)));
        }
        let moves = |it: &&ShardStatus| it.leader != it.copies.first().map(|it| it.node);
        if until == Until::AtRest
            && let Some(moving) = shards.iter().find(moves)
        {
            return Ok(Err(format!("another node is to lead shard {}", moving.shard)));
        }
        let shards = shards.into_iter().filter(|it| it.shard != META.0);
        let leader = |it: ShardStatus| Some((ShardId(it.shard), it.leader?));
        let leaders: BTreeMap<_, _> = shards.filter_map(leader).collect();
        let count = u32::try_from(leaders.len()).unwrap_or(0).max(1);
        Ok(Ok(Self { urls: by_number, names, leaders, directory: Directory::even(count) }))
    }

    /// The shard of a probe.
    pub(super) fn shard(&self, probe: u64) -> ShardId {
        self.directory.shard_of(&probe.to_bytes())
    }

    /// The node that leads most shards, with its name.
    pub(super) fn busiest(&self) -> Option<(u32, &str)> {
        let led = |node: u32| self.leaders.values().filter(|it| **it == node).count();
        let busiest = self.names.iter().max_by_key(|(node, _)| led(**node));
        busiest.map(|(node, name)| (*node, &**name))
    }
}

/// How far all copies are.
#[derive(Debug)]
pub(super) struct Copies {
    /// How far the leader of each shard is.
    pub(super) led: BTreeMap<u32, u64>,
    /// Most bytes that a node uses.
    pub(super) used_bytes: u64,
    /// How far each copy is, by node and shard.
    applied: BTreeMap<(u32, u32), u64>,
}

impl Copies {
    /// Asks one of the nodes.
    pub(super) async fn ask(urls: &[String], token: &str) -> Result<Self, ServedError> {
        let url = urls.first().ok_or_else(|| ServedError::Other("there is no node".to_owned()))?;
        let Nodes { nodes, .. } = ask(url, token, "nodes").await?;
        let Shards { shards } = ask(url, token, "shards").await?;
        let (mut led, mut applied) = (BTreeMap::new(), BTreeMap::new());
        for ShardStatus { shard, leader, copies, .. } in shards {
            let there = copies.into_iter().filter_map(|it| Some((it.node, it.copy?.applied)));
            for (node, index) in there {
                applied.insert((node, shard), index);
                if leader == Some(node) {
                    led.insert(shard, index);
                }
            }
        }
        let used_bytes = nodes.iter().map(|it| it.used_bytes).max().unwrap_or(0);
        Ok(Self { led, used_bytes, applied })
    }

    /// Whether a copy is there, and at least so far.
    pub(super) fn has(&self, node: u32, shard: u32, applied: u64) -> bool {
        self.applied.get(&(node, shard)).is_some_and(|it| *it >= applied)
    }
}

async fn ask<T: DeserializeOwned>(url: &str, token: &str, what: &str) -> Result<T, ServedError> {
    let call = Call {
        method: Method::GET,
        path: format!("/v1/operator/{what}"),
        token: Some(token.to_owned()),
        key: String::new(),
        body: None,
    };
    Ok(serde_json::from_value(Api::new(url)?.send(&call).await?)?)
}
