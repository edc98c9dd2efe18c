//! What operators see and do, and nobody else.

use serde_json::Value;

use crate::rig::{Answer, Ask, Rig, ask, rig};

/// Sends a request with the operator's token.
async fn operate(rig: &Rig, request: Ask) -> Answer {
    rig.send(request.token(&rig.operator)).await
}

/// What every shard lists, with the shard's number.
async fn listed(rig: &Rig, what: &str, field: &str) -> Vec<(usize, Value)> {
    let mut all = Vec::new();
    for shard in 0..4 {
        let answer = operate(rig, ask(&format!("GET /v1/operator/shards/{shard}/{what}"))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let items = answer.json()[field].as_array().expect("a list").clone();
        all.extend(items.into_iter().map(|item| (shard, item)));
    }
    all
}

#[tokio::test]
async fn an_entity_that_keeps_panicking_is_seen_and_released() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    for _ in 0..3 {
        rig.send(ask("POST /v1/test/break").token(&alice.token)).await;
    }
    let count = ask("POST /v1/test/count").token(&alice.token).json("{\"what\": \"a\"}");
    assert_eq!(rig.send(count.clone()).await.code(), "entity_quarantined");

    let quarantined = listed(&rig, "quarantined", "entities").await;
    let [(shard, entity)] = &*quarantined else { panic!("{quarantined:?}") };
    assert_eq!(entity["key"], *alice.id);
    let shards = operate(&rig, ask("GET /v1/operator/shards")).await.json();
    assert_eq!(shards["shards"][shard]["led"]["quarantined"], 1);

    let kind = entity["kind"].as_str().expect("a name");
    let path = format!("DELETE /v1/operator/shards/{shard}/quarantined/{kind}/{}", alice.id);
    assert_eq!(operate(&rig, ask(&path)).await.status, 204);
    assert_eq!(operate(&rig, ask(&path)).await.code(), "not_quarantined");
    assert_eq!(rig.send(count).await.status, 200);
}

#[tokio::test]
async fn an_upgrade_ends_when_every_node_can_read_the_release() {
    let rig = rig().await;
    let nodes = operate(&rig, ask("GET /v1/operator/nodes")).await.json();
    assert_eq!(nodes["nodes"][0]["release"], 1);
    let to = |release: &str| {
        let body = format!("{{\"release\": {release}}}");
        ask("PUT /v1/operator/release").json(&body)
    };
    assert_eq!(operate(&rig, to("1")).await.status, 204);
    assert_eq!(operate(&rig, to("2")).await.code(), "nodes_behind");
    assert_eq!(operate(&rig, to("0")).await.code(), "release_lower");
    assert_eq!(operate(&rig, to("70000")).await.code(), "invalid_input");
    assert_eq!(rig.send(to("1")).await.code(), "not_found", "operators only");
}

#[tokio::test]
async fn probes_keep_what_was_written_last() {
    let rig = rig().await;
    let write = |key: &str, value: &str| {
        let body = format!("{{\"value\": {value:?}}}");
        ask("PUT /v1/operator/probes/7").key(key).json(&body)
    };
    assert_eq!(operate(&rig, write("one", "a")).await.json(), 1);
    assert_eq!(operate(&rig, write("one", "a")).await.json(), 1, "a repeat");
    assert_eq!(operate(&rig, write("two", "b")).await.json(), 2);
    let read = operate(&rig, ask("GET /v1/operator/probes/7")).await.json();
    assert_eq!((&read["writes"], &read["value"]), (&2.into(), &"b".into()));
    let long = "x".repeat(node::probe::VALUE_BYTES_MAX + 1);
    assert_eq!(operate(&rig, write("three", &long)).await.code(), "probe_too_long");
    assert_eq!(rig.send(write("four", "a")).await.code(), "not_found", "operators only");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let rig = rig().await;
    assert!(listed(&rig, "dead-letters", "letters").await.is_empty());
    let id = "0".repeat(26);
    let cases = [
        ("GET /v1/operator/shards/4/quarantined".to_owned(), "shard_unknown"),
        ("GET /v1/operator/shards/x/quarantined".to_owned(), "not_found"),
        (format!("POST /v1/operator/shards/0/dead-letters/{id}/redrive"), "dead_letter_unknown"),
        (format!("DELETE /v1/operator/shards/0/dead-letters/{id}"), "dead_letter_unknown"),
    ];
    for (line, code) in cases {
        let answer = operate(&rig, ask(&line)).await;
        assert_eq!((answer.status, &*answer.code()), (404, code), "{line}");
    }
}

#[tokio::test]
async fn nobody_else_sees_anything() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let line = "GET /v1/operator/shards/0/dead-letters";
    for request in [ask(line), ask(line).token(&alice.token)] {
        let answer = rig.send(request).await;
        assert_eq!((answer.status, &*answer.code()), (404, "not_found"));
    }
}
