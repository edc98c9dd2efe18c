//! Clients that nobody here wrote follow a feed while one node stops and others are killed: they get every
//! post, once and in order. They come back until their session ends, and not then.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use axum::http::Method;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::author::{Author, PASSWORD};
use crate::balancer::Balancer;
use crate::client::Client;
use crate::cluster::Cluster;
use crate::follower::{Follower, script};

/// Posts before anything happens to a node, and behind it.
const POSTS: usize = 30;

/// Between two posts.
const PAUSE: Duration = Duration::from_millis(20);

/// How long it may take until a session that has ended has no connection any more.
const REVOKED_MAX: Duration = Duration::from_secs(2);

/// How clients are told to go to another node, and to stay away.
const SHUTDOWN: u64 = 3001;
const INVALID_TOKEN: u64 = 3500;

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

/// Whether it was told that its node stops, and in the end to stay away, and has done so.
fn check_end(follower: &Follower) {
    let codes = |name: &str| -> Vec<_> {
        follower.heard.iter().filter_map(|it| it[name].as_u64()).collect()
    };
    let connecting = codes("connecting");
    assert!(connecting.contains(&SHUTDOWN), "{connecting:?}");
    assert_eq!(codes("disconnected"), [INVALID_TOKEN]);
    let [.., end, later] = &*follower.heard else { panic!("it says more") };
    assert!(end["disconnected"].is_u64() && later["later"] == "disconnected", "{end} {later}");
}

/// The route of the session that a token belongs to.
fn session(token: &str) -> String {
    format!("/v1/me/sessions/{}", &token["roost_".len() + 26..][..26])
}

/// Ends a session through one node, while there is a socket of it on another one.
async fn revoke(cluster: &Cluster, anybody: &Client) {
    let person = json!({ "handle": "author0", "password": PASSWORD });
    let made = anybody.send((Method::POST, "/v1/sessions"), "session", &person).await;
    let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{made:?}"));
    let url = cluster.url("n1").replace("http://", "ws://");
    let (mut socket, _) = connect_async(format!("{url}/connection/websocket")).await.expect("open");
    let connect = json!({ "id": 1, "connect": { "token": token } }).to_string();
    socket.send(Message::text(connect)).await.expect("it is open");
    socket.next().await.expect("it answers").expect("it is sound");
    let somebody = anybody.with(token);
    let (delete, other) = ((&Method::DELETE, &*session(token)), cluster.url("n2"));
    let ended = somebody.once(&other, delete, "", &Value::Null).await.expect("it answers");
    assert_eq!(ended.0, 204, "{}", ended.1);
    let end = timeout(REVOKED_MAX, socket.next()).await.expect("in time");
    let Some(Ok(Message::Close(Some(end)))) = end else { panic!("{end:?}") };
    assert_eq!(u64::from(u16::from(end.code)), INVALID_TOKEN);
}

/// Publishes so many posts more.
async fn publish_some(author: &Author, posts: &mut usize) {
    for _ in 0..POSTS {
        author.publish(*posts).await;
        *posts += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Publishes while the first node stops and the others are killed in turn: whatever node clients of the
/// first one come to is among those.
async fn publish(cluster: &mut Cluster, balancer: &Balancer, author: &Author) -> usize {
    let mut posts = 0;
    publish_some(author, &mut posts).await;
    for node in ["n1", "n2", "n3"] {
        balancer.move_to(cluster.urls());
        tokio::task::block_in_place(|| match node {
            "n1" => cluster.stop_one(node),
            _ => cluster.kill(node),
        });
        balancer.move_to(cluster.urls());
        publish_some(author, &mut posts).await;
    }
    posts
}

#[test]
fn clients_of_others_follow_a_feed_while_nodes_stop_and_are_killed() {
    let mut cluster = Cluster::new("followed", 3);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    runtime.block_on(async {
        // All clients begin at the node that stops.
        let balancer = Balancer::start(vec![cluster.url("n1")]).await;
        let (_places, behind) = watch::channel(vec![format!("http://{}", balancer.address)]);
        let anybody = Client::new(&behind);
        let author = Author::register(&anybody, 0).await;
        revoke(&cluster, &anybody).await;
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
        let (somebody, path) = (anybody.with(author.token()), session(author.token()));
        let ended = somebody.send((Method::DELETE, &path), "", &Value::Null).await;
        assert_eq!(ended.status, 204, "{ended:?}");
        for follower in &mut followers {
            follower.wait_for(|it| it["later"].is_string());
            check_end(follower);
        }
    });
}
