//! The console: its page, and the channel that it follows.

use std::time::Duration;

use cluster::slots::META;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::rig::{Rig, ask, rig};
use crate::socket::Socket;

const CHANNEL: &str = "cluster:status";

/// Between two looks at the tasks of a node, and how many there are: some come and go.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 20;

async fn follow(socket: &mut Socket) {
    socket.say(&json!({ "id": 2, "subscribe": { "channel": CHANNEL } })).await;
    let reply = socket.hear().await;
    let expected = json!({ "recoverable": false, "positioned": false });
    assert_eq!((&reply["id"], &reply["subscribe"]), (&json!(2), &expected), "{reply}");
}

/// The next publication.
async fn published(socket: &mut Socket) -> Value {
    let push = socket.hear().await;
    assert_eq!(push["push"]["channel"], CHANNEL, "{push}");
    let publication = push["push"]["pub"].as_object().expect("a publication");
    assert!(publication.keys().eq(["data"]), "it has no position");
    publication["data"].clone()
}

/// Tasks of a node that stay.
async fn tasks(rig: &Rig) -> usize {
    let mut least = usize::MAX;
    for _ in 0..LOOKS {
        least = least.min(rig.client.node().tasks());
        sleep(LOOK).await;
    }
    least
}

#[tokio::test]
async fn operators_see_every_node_and_shard() {
    let rig = rig().await;
    let mut socket = Socket::connected(&rig, &rig.operator).await;
    follow(&mut socket).await;
    let first = published(&mut socket).await;
    let began = Instant::now();
    let sentence = "1 of 1 node, all 4 shards led, largest lag 0";
    assert_eq!(first["health"], json!({ "level": "well", "sentence": sentence }), "{first}");
    let [node] = &**first["nodes"].as_array().expect("a list") else { panic!("{first}") };
    assert_eq!(
        (&node["name"], &node["is_there"], &node["leads"]),
        (&json!("n1"), &json!(true), &json!(5))
    );
    assert_eq!((&node["requests"], &node["sockets"]), (&Value::Null, &json!(1)), "{node}");
    let shards = first["shards"].as_array().expect("a list");
    let numbers = shards.iter().filter_map(|it| it["shard"].as_u64());
    assert!(numbers.eq([0, 1, 2, 3, META.0.into()]), "{first}");
    for shard in shards {
        assert_eq!(
            (&shard["leader"], &shard["is_serving"]),
            (&node["node"], &json!(true)),
            "{shard}"
        );
        assert_eq!((&shard["copies"][0]["lag"], &shard["copies"][1]), (&json!(0), &Value::Null));
    }
    rig.register("alice").await;
    let mut count = 1;
    loop {
        let next = published(&mut socket).await;
        count += 1;
        let of_shards = next["shards"].as_array().expect("a list").iter();
        let commits: f64 = of_shards.filter_map(|it| it["commits"].as_f64()).sum();
        if next["nodes"][0]["requests"].as_f64() > Some(0.0) {
            assert!(commits > 0.0, "{next}");
            assert_eq!(next["nodes"][0]["errors"], 0.0, "{next}");
            break;
        }
    }
    assert!(began.elapsed() > Duration::from_millis(500) * (count - 1), "{count} publications");
}

#[tokio::test]
async fn nobody_else_may_follow_it() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let (subscribe, history) =
        (json!({ "channel": CHANNEL }), json!({ "channel": CHANNEL, "limit": 1 }));
    for (token, codes) in [(&*alice.token, [103, 103]), ("", [103, 103])] {
        let mut socket = Socket::connected(&rig, token).await;
        for (command, code) in
            [("subscribe", &subscribe), ("history", &history)].into_iter().zip(codes)
        {
            let (name, wanted) = command;
            socket.say(&json!({ "id": 2, name: wanted })).await;
            let reply = socket.hear().await;
            assert_eq!(reply["error"]["code"], code, "{name}: {reply}");
        }
    }
    let mut operator = Socket::connected(&rig, &rig.operator).await;
    operator.say(&json!({ "id": 2, "history": history })).await;
    assert_eq!(operator.hear().await["error"]["code"], 108, "it has no past");
}

#[tokio::test]
async fn one_task_finds_it_out_for_all_and_ends_with_the_last() {
    let rig = rig().await;
    let mut first = Socket::connected(&rig, &rig.operator).await;
    let mut second = Socket::connected(&rig, &rig.operator).await;
    let before = tasks(&rig).await;
    follow(&mut first).await;
    follow(&mut second).await;
    let expected = published(&mut second).await;
    let mut others = Vec::new();
    while others.last() != Some(&expected) {
        assert!(others.len() < 4, "{expected} in {others:?}");
        others.push(published(&mut first).await);
    }
    assert_eq!(tasks(&rig).await, before + 1);
    drop(second);
    published(&mut first).await;
    first.say(&json!({ "id": 3, "unsubscribe": { "channel": CHANNEL } })).await;
    while first.hear().await["id"] != 3 {}
    timeout(Duration::from_millis(2_500), first.hear()).await.expect_err("nothing comes any more");
    // The socket that was closed was a task as well.
    assert_eq!(tasks(&rig).await, before - 1);
    follow(&mut first).await;
    published(&mut first).await;
}

#[tokio::test]
async fn the_page_is_whole() {
    let rig = rig().await;
    let answer = rig.send(ask("GET /console")).await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").expect("there is one");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    for elsewhere in ["http://", "https://", "src=", "href=", "@import", "url("] {
        assert!(!answer.text().contains(elsewhere), "{elsewhere}");
    }
}
