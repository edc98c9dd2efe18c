//! All data folders are lost, and come back as they were copied when all nodes stood still.

use std::fs;
use std::path::Path;
use std::process::Command;

use axum::http::Method;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::author::Author;
use crate::client::Client;
use crate::cluster::Cluster;

/// Authors, and what each of them publishes before the copy, and after it came back.
const AUTHORS: usize = 4;
const POSTS: usize = 20;

/// Copies the folders of nodes, as the guide for operators has it, and loses the originals.
fn copy_and_lose(data: &Path, nodes: &[&str]) {
    let backup = data.join("backup");
    fs::create_dir(&backup).expect("it is ours");
    for node in ["n1", "n2", "n3"] {
        if nodes.contains(&node) {
            let copied = Command::new("cp").arg("-a").arg(data.join(node)).arg(&backup).status();
            assert!(copied.expect("cp is there").success());
        }
        fs::remove_dir_all(data.join(node)).expect("it has data");
    }
    for node in nodes {
        fs::rename(backup.join(node), data.join(node)).expect("it was copied");
    }
    fs::remove_dir(&backup).expect("all of it came back");
}

async fn publish(authors: &[Author], from: usize) {
    for post in from..from + POSTS {
        for author in authors {
            author.publish(post).await;
        }
    }
}

/// The nodes that the cluster knows.
async fn nodes(operator: &Client) -> Vec<u64> {
    let told = operator.send((Method::GET, "/v1/operator/nodes"), "", &Value::Null).await;
    let nodes = told.body["nodes"].as_array().expect("a list").iter();
    nodes.filter_map(|it| it["node"].as_u64()).collect()
}

fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("the system has threads")
}

/// Publishes, loses all folders but copies of some, and checks that everything is there and goes on.
/// Yields the nodes that are known then.
fn restore(name: &str, copied: &[&str]) -> Vec<u64> {
    let mut cluster = Cluster::new(name, 3);
    let (places, urls) = watch::channel(cluster.urls());
    let anybody = Client::new(&urls);
    let operator = anybody.with(cluster.operator());
    let runtime = runtime();
    let authors: Vec<_> =
        (0..AUTHORS).map(|it| runtime.block_on(Author::register(&anybody, it))).collect();
    runtime.block_on(publish(&authors, 0));
    cluster.restart(|data| copy_and_lose(data, copied));
    places.send_replace(cluster.urls());
    runtime.block_on(async {
        for author in &authors {
            author.check(POSTS).await;
        }
        publish(&authors, POSTS).await;
        for author in &authors {
            author.check(2 * POSTS).await;
        }
        nodes(&operator).await
    })
}

#[test]
fn copies_of_all_folders_are_the_cluster() {
    assert_eq!(restore("restored", &["n1", "n2", "n3"]), [1, 2, 3]);
}

#[test]
fn copies_of_a_majority_of_the_folders_have_everything() {
    let nodes = restore("restored-two", &["n1", "n3"]);
    assert!(nodes.contains(&4), "n2 has come back as another one: {nodes:?}");
}
