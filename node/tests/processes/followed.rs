//! Clients that nobody here wrote follow a feed while nodes are killed: they get every post, once and in
//! order.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::author::Author;
use crate::balancer::Balancer;
use crate::client::Client;
use crate::cluster::Cluster;
use crate::follower::{Follower, script};

/// Posts between two kills.
const POSTS: usize = 30;

/// Between two posts.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether it has got so many posts, each once and in order, with neither gap nor duplicate.
fn check(follower: &Follower, posts: usize) {
    let got = follower.heard.iter().filter_map(|it| Some((it["offset"].as_u64()?, &it["data"])));
    let (offsets, numbers): (Vec<_>, Vec<_>) =
        got.map(|(offset, data)| (offset, number(data))).unzip();
    assert!(offsets.iter().copied().eq(1..=posts as u64), "{offsets:?}");
    assert!(numbers.iter().copied().eq((0..posts).map(Some)), "{numbers:?}");
    let begun = follower.heard.iter().filter(|it| it["subscribed"] == true);
    let states: BTreeSet<_> =
        begun.map(|it| (it["wasRecovering"] == true, it["recovered"] == true)).collect();
    assert_eq!(states, BTreeSet::from([(false, false), (true, true)]), "begun, and recovered");
}

/// The number of a post, as [`Author::publish`] writes it.
fn number(data: &Value) -> Option<usize> {
    data["post"]["body"].as_str()?.split(' ').nth(1)?.parse().ok()
}

/// Publishes while the nodes are killed in turn: whatever node a client is connected to is among them.
async fn publish(cluster: &mut Cluster, balancer: &Balancer, author: &Author) -> usize {
    let mut posts = 0;
    for node in ["n1", "n2", "n3", ""] {
        for _ in 0..POSTS {
            author.publish(posts).await;
            posts += 1;
            tokio::time::sleep(PAUSE).await;
        }
        if !node.is_empty() {
            tokio::task::block_in_place(|| cluster.kill(node));
            balancer.move_to(cluster.urls());
        }
    }
    posts
}

#[test]
fn clients_of_others_follow_a_feed_while_nodes_are_killed() {
    let mut cluster = Cluster::new("followed", 3);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    runtime.block_on(async {
        let balancer = Balancer::start(cluster.urls()).await;
        let (_places, behind) = watch::channel(vec![format!("http://{}", balancer.address)]);
        let author = Author::register(&Client::new(&behind), 0).await;
        let url = format!("ws://{}/connection/websocket", balancer.address);
        let what = [&*url, author.token(), &format!("feed:{}", author.user())];
        let in_javascript = |modules: &str| {
            let mut command = Command::new("node");
            command.args([&script("follow.mjs"), modules]).args(what);
            command
        };
        let in_python = |python: &str| {
            let mut command = Command::new(python);
            command.arg(script("follow.py")).args(what);
            command
        };
        let followers = [
            Follower::start("ROOST_CENTRIFUGE_JS", in_javascript),
            Follower::start("ROOST_CENTRIFUGE_PYTHON", in_python),
        ];
        let mut followers: Vec<_> = followers.into_iter().flatten().collect();
        for follower in &mut followers {
            follower.wait_for(|it| it["subscribed"] == true);
        }
        let posts = publish(&mut cluster, &balancer, &author).await;
        for follower in &mut followers {
            follower.wait_for(|it| number(&it["data"]) == Some(posts - 1));
            check(follower, posts);
        }
    });
}
