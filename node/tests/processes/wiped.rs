//! A node loses its disk, and comes back as another one, which counts once it has what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::http::Method;
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::author::Author;
use crate::client::Client;
use crate::cluster::Cluster;

/// What is published before, and after.
const POSTS: usize = 50;

/// Longest that copies may take to be made again.
const COPYING_MAX: Duration = Duration::from_mins(1);

/// Between two looks. A copy is a learner for half a second at least.
const PAUSE: Duration = Duration::from_millis(50);

/// All shards, as operators see them.
async fn shards(operator: &Client) -> Vec<Value> {
    let path = (Method::GET, "/v1/operator/shards");
    let told = operator.send(path, "", &Value::Null).await;
    told.body["shards"].as_array().expect("a list").clone()
}

/// The nodes that have whole copies of all shards.
fn holders(shards: &[Value]) -> BTreeSet<u64> {
    let mut whole: Option<BTreeSet<u64>> = None;
    for shard in shards {
        let copies = shard["copies"].as_array().expect("a list");
        let applied = |it: &Value| it["copy"]["applied"].as_u64();
        let most = copies.iter().filter_map(applied).max();
        let here = copies.iter().filter(|it| applied(it) == most && it["copy"]["is_voter"] == true);
        let here: BTreeSet<u64> = here.filter_map(|it| it["node"].as_u64()).collect();
        whole = Some(whole.map_or(here.clone(), |it| &it & &here));
    }
    whole.unwrap_or_default()
}

/// Whether the copy of each shard that a node has is a voter.
fn voters(shards: &[Value], node: u64) -> BTreeMap<u64, bool> {
    let copies = shards.iter().flat_map(|shard| {
        let copies = shard["copies"].as_array().into_iter().flatten();
        copies
            .filter(|it| it["node"] == node)
            .map(move |it| (&shard["shard"], &it["copy"]["is_voter"]))
    });
    copies.filter_map(|(shard, is_voter)| Some((shard.as_u64()?, is_voter.as_bool()?))).collect()
}

/// Waits until these nodes have whole copies of all shards. Those of the last one are learners at first:
/// some of them are seen, for a look may take longer than that lasts.
async fn held_by(operator: &Client, nodes: [u64; 3]) {
    let mut at_first = BTreeMap::new();
    for _ in 0..COPYING_MAX.as_millis() / PAUSE.as_millis() {
        let shards = shards(operator).await;
        at_first = voters(&shards, nodes[2]).into_iter().chain(at_first).collect();
        if holders(&shards) == BTreeSet::from(nodes) {
            eprintln!("voters when they were first seen: {at_first:?}");
            assert!(at_first.values().any(|is_voter| !is_voter), "{at_first:?}");
            return;
        }
        sleep(PAUSE).await;
    }
    panic!("after {COPYING_MAX:?} copies are on {:?}", holders(&shards(operator).await));
}

/// Waits until only these nodes are known.
async fn known(operator: &Client, nodes: [u64; 3]) {
    for _ in 0..COPYING_MAX.as_millis() / PAUSE.as_millis() {
        let told = operator.send((Method::GET, "/v1/operator/nodes"), "", &Value::Null).await;
        let found = told.body["nodes"].as_array().expect("a list");
        if found.iter().filter_map(|it| it["node"].as_u64()).eq(nodes) {
            return;
        }
        sleep(PAUSE).await;
    }
    panic!("another one is still known after {COPYING_MAX:?}");
}

#[test]
fn a_wiped_disk_comes_back_as_another_node_and_gets_its_copies() {
    let mut cluster = Cluster::new("wiped", 3);
    let (places, urls) = watch::channel(cluster.urls());
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    let anybody = Client::new(&urls);
    let operator = anybody.with(cluster.operator());
    let author = runtime.block_on(Author::register(&anybody, 0));
    for post in 0..POSTS {
        runtime.block_on(author.publish(post));
    }
    // The second time the log of the meta group is so long that a new node is not sent all of it at once.
    for nodes in [[1, 3, 4], [1, 3, 5]] {
        cluster.wipe("n2");
        places.send_replace(cluster.urls());
        runtime.block_on(held_by(&operator, nodes));
        runtime.block_on(known(&operator, nodes));
    }
    // What the new one has counts: without it there is no quorum now.
    cluster.kill("n1");
    places.send_replace(cluster.urls());
    for post in POSTS..2 * POSTS {
        runtime.block_on(author.publish(post));
    }
    runtime.block_on(author.check(2 * POSTS));
}
