//! What operators are told, by each node.

use std::collections::BTreeSet;

use axum::http::Method;
use cluster::slots::META;
use serde_json::Value;

use crate::client::Client;
use crate::namespaces::{NODES, url};

/// Somebody with the token of operators.
pub(crate) struct Operator(Client);

impl Operator {
    /// With this token.
    pub(crate) fn new(anybody: &Client, token: &str) -> Self {
        Self(anybody.with(token))
    }

    /// Whether a node says that it is ready.
    pub(crate) async fn is_ready(&self, node: usize) -> bool {
        self.get(node, "/readyz").await.is_ok()
    }

    /// The nodes that answer one of them.
    pub(crate) async fn seen_by(&self, node: usize) -> Result<BTreeSet<usize>, String> {
        let nodes = self.list(node, "nodes").await?;
        let there = nodes.iter().filter(|it| it["is_there"] == true);
        Ok(there.filter_map(|it| number(&it["node"])).collect())
    }

    /// Whether a node leads one of the shards with entities, as it says itself.
    pub(crate) async fn leads(&self, node: usize) -> bool {
        let shards = self.list(node, "shards").await.unwrap_or_default();
        let mut shards = shards.iter().filter(|it| it["shard"] != META.0);
        shards.any(|it| number(&it["leader"]) == Some(node))
    }

    /// Checks that all nodes are ready, that they name the same leaders, and that all copies are equal.
    pub(crate) async fn agree(&self) -> Result<(), String> {
        let mut leaders = BTreeSet::new();
        for node in 1..=NODES {
            self.get(node, "/readyz").await?;
            let shards = self.list(node, "shards").await?;
            shards.iter().try_for_each(whole)?;
            leaders.insert(shards.iter().map(|it| number(&it["leader"])).collect::<Vec<_>>());
        }
        if leaders.len() == 1 { Ok(()) } else { Err(format!("there are leaders {leaders:?}")) }
    }

    async fn list(&self, node: usize, name: &str) -> Result<Vec<Value>, String> {
        let told = self.get(node, &format!("/v1/operator/{name}")).await?;
        told[name].as_array().cloned().ok_or_else(|| format!("there is no list of {name}: {told}"))
    }

    async fn get(&self, node: usize, path: &str) -> Result<Value, String> {
        let (status, body) =
            self.0.once(&url(node), (&Method::GET, path), "", &Value::Null).await?;
        if status == 200 { Ok(body) } else { Err(format!("node {node}: {body}")) }
    }
}

/// Checks that a shard is served, and that there are copies of it on all nodes that are equal.
fn whole(shard: &Value) -> Result<(), String> {
    let copies = shard["copies"].as_array().map_or(&[][..], |it| it);
    let applied: BTreeSet<_> = copies.iter().map(|it| it["copy"]["applied"].as_u64()).collect();
    let is_equal = applied.len() == 1 && !applied.contains(&None);
    if copies.len() == NODES && is_equal && shard["is_serving"] == true {
        Ok(())
    } else {
        Err(format!("a shard is not whole: {shard}"))
    }
}

fn number(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}
