//! What operators are told, by each node.

use std::collections::BTreeSet;

use cluster::slots::META;
use entity::Time;
use serde_json::Value;

use crate::client::{Call, Client, Told};
use crate::cluster::NODES;

/// Somebody with the token of operators.
#[derive(Clone, Debug)]
pub struct Operator(Client);

impl Operator {
    /// With this token.
    pub fn new(token: &str) -> Self {
        Self(Client::new(&[]).with(token))
    }

    /// Asks a node, once.
    pub async fn ask(&self, url: &str, call: &Call) -> Told {
        self.0.once(url, call).await
    }

    /// What the clock of a node says.
    pub async fn clock(&self, url: &str) -> Option<Time> {
        self.0.clock(url).await
    }

    /// Whether a node says that it is ready.
    pub async fn is_ready(&self, url: &str) -> bool {
        self.get(url, "/readyz").await.is_ok()
    }

    /// The nodes that answer one of them.
    ///
    /// # Errors
    ///
    /// What it said instead.
    pub async fn seen_by(&self, url: &str) -> Result<BTreeSet<usize>, String> {
        let nodes = self.list(url, "nodes").await?;
        let there = nodes.iter().filter(|it| it["is_there"] == true);
        Ok(there.filter_map(|it| number(&it["node"])).collect())
    }

    /// Checks that a node leads something, the meta group counted, and calls its clock right; or nothing, and
    /// calls it wrong.
    ///
    /// # Errors
    ///
    /// What it says instead.
    pub async fn check_leads(&self, url: &str, node: usize, is_right: bool) -> Result<(), String> {
        let nodes = self.list(url, "nodes").await?;
        let it = nodes.iter().find(|it| number(&it["node"]) == Some(node)).ok_or("no such node")?;
        let leads = it["leads"].as_u64().is_some_and(|it| it > 0);
        let is_so = leads == is_right && it["is_clock_wrong"] == !is_right;
        if is_so { Ok(()) } else { Err(it.to_string()) }
    }

    /// Who leads each shard with entities, by what a node says; none of those of which it does not know.
    ///
    /// # Errors
    ///
    /// What it said instead.
    pub async fn leaders(&self, url: &str) -> Result<Vec<Option<usize>>, String> {
        let shards = self.list(url, "shards").await?;
        let shards = shards.iter().filter(|it| it["shard"] != META.0);
        Ok(shards.map(|it| number(&it["leader"])).collect())
    }

    /// The highest term of each shard, by what a node says.
    ///
    /// # Errors
    ///
    /// What it said instead.
    pub async fn terms(&self, url: &str) -> Result<Vec<u64>, String> {
        let shards = self.list(url, "shards").await?;
        let term = |shard: &Value| {
            let copies = shard["copies"].as_array().map_or(&[][..], |it| it);
            copies.iter().filter_map(|it| it["copy"]["term"].as_u64()).max().unwrap_or(0)
        };
        Ok(shards.iter().map(term).collect())
    }

    /// Checks that all nodes are ready, that all answer each other, and that all shards are served.
    ///
    /// # Errors
    ///
    /// What is missing.
    pub async fn check_served(&self, urls: &[String]) -> Result<(), String> {
        for url in urls {
            self.get(url, "/readyz").await?;
            let seen = self.seen_by(url).await?;
            if seen.len() < NODES {
                return Err(format!("{url} sees {seen:?}"));
            }
            let shards = self.list(url, "shards").await?;
            let away = shards.iter().find(|it| it["is_serving"] != true);
            away.map_or(Ok(()), |it| Err(format!("a shard is not served: {it}")))?;
        }
        Ok(())
    }

    /// Checks the same, that all nodes name the same leaders, and that all copies are equal: while nobody
    /// writes.
    ///
    /// # Errors
    ///
    /// What differs.
    pub async fn check_equal(&self, urls: &[String]) -> Result<(), String> {
        self.check_served(urls).await?;
        let mut leaders = BTreeSet::new();
        for url in urls {
            let shards = self.list(url, "shards").await?;
            shards.iter().try_for_each(whole)?;
            leaders.insert(shards.iter().map(|it| number(&it["leader"])).collect::<Vec<_>>());
        }
        if leaders.len() == 1 { Ok(()) } else { Err(format!("there are leaders {leaders:?}")) }
    }

    /// What a node counts or measures under a name.
    ///
    /// # Errors
    ///
    /// What it said instead.
    pub async fn metric(&self, url: &str, name: &str) -> Result<f64, String> {
        let told = self.0.text(url, "/metrics").await?;
        let line = told.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|it| it.parse().ok()).ok_or_else(|| format!("{url} has no {name}"))
    }

    async fn list(&self, url: &str, name: &str) -> Result<Vec<Value>, String> {
        let told = self.get(url, &format!("/v1/operator/{name}")).await?;
        told[name].as_array().cloned().ok_or_else(|| format!("there is no list of {name}: {told}"))
    }

    async fn get(&self, url: &str, path: &str) -> Result<Value, String> {
        match self.ask(url, &Call::get(path)).await {
            Told::Done(body) => Ok(body),
            other @ (Told::Again(_) | Told::Refused(..)) => Err(format!("{url}{path}: {other:?}")),
        }
    }
}

/// Checks that there are copies of a shard on all nodes, and that they are equal.
fn whole(shard: &Value) -> Result<(), String> {
    let copies = shard["copies"].as_array().map_or(&[][..], |it| it);
    let applied: BTreeSet<_> = copies.iter().map(|it| it["copy"]["applied"].as_u64()).collect();
    let is_equal = applied.len() == 1 && !applied.contains(&None);
    if copies.len() == NODES && is_equal {
        Ok(())
    } else {
        Err(format!("a shard is not whole: {shard}"))
    }
}

fn number(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}
