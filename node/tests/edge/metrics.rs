//! Figures for Prometheus.

use std::io::{Write, stderr};
use std::process::{Command, Stdio};

use crate::rig::{ask, rig, variable};

#[tokio::test]
async fn figures_are_for_operators() {
    let rig = rig().await;
    assert_eq!(rig.send(ask("GET /metrics")).await.code(), "not_found");
    rig.register("alice").await;
    let answer = rig.send(ask("GET /metrics").token(&rig.operator)).await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    let lines = [
        "roost_requests_total{route=\"Register\",status=\"201\"} 1",
        "roost_request_seconds_count{route=\"Register\"} 1",
        "roost_shard_serving{shard=\"0\"} 1",
        "roost_copy_leads{shard=\"meta\"} 1",
        "roost_storage_full 0",
        "roost_clock_wrong 0",
        "roost_sockets 0",
        "roost_deliveries_total 0",
    ];
    for line in lines {
        assert!(text.lines().any(|it| it == line), "{line} in {text}");
    }
}

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_them() {
    let Some(promtool) = variable("ROOST_PROMTOOL") else {
        writeln!(stderr(), "SKIP: ROOST_PROMTOOL does not name a promtool").ok();
        return;
    };
    let rig = rig().await;
    rig.register("alice").await;
    let answer = rig.send(ask("GET /metrics").token(&rig.operator)).await;
    let mut check = Command::new(promtool);
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut check = check.stderr(Stdio::piped()).spawn().expect("promtool starts");
    let mut input = check.stdin.take().expect("it is piped");
    input.write_all(answer.text().as_bytes()).expect("promtool reads");
    drop(input);
    let said = check.wait_with_output().expect("promtool ends");
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.is_empty(), "{text}");
}
