//! A node loses its disk, and comes back as another one.

use std::collections::BTreeSet;
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

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// The nodes that have whole copies of all shards.
async fn holders(operator: &Client) -> BTreeSet<u64> {
    let path = (Method::GET, "/v1/operator/shards");
    let told = operator.send(path, "", &Value::Null).await;
    let mut whole: Option<BTreeSet<u64>> = None;
    for shard in told.body["shards"].as_array().expect("a list") {
        let copies = shard["copies"].as_array().expect("a list");
        let applied = |it: &Value| it["copy"]["applied"].as_u64();
        let most = copies.iter().filter_map(applied).max();
        let here = copies.iter().filter(|it| applied(it) == most && it["copy"]["is_voter"] == true);
        let here: BTreeSet<u64> = here.filter_map(|it| it["node"].as_u64()).collect();
        whole = Some(whole.map_or(here.clone(), |it| &it & &here));
    }
    whole.unwrap_or_default()
}

/// Waits until these nodes have whole copies of all shards.
async fn held_by(operator: &Client, nodes: [u64; 3]) {
    for _ in 0..COPYING_MAX.as_millis() / PAUSE.as_millis() {
        if holders(operator).await == BTreeSet::from(nodes) {
            return;
        }
        sleep(PAUSE).await;
    }
    panic!("after {COPYING_MAX:?} copies are on {:?}", holders(operator).await);
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
