//! How operations end: in time, at a limit, by a panic.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::rig::{Rig, ask, quick, rig};

#[tokio::test]
async fn a_panic_tells_nothing_and_leaves_the_server_running() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let answer = rig.send(ask("POST /v1/test/crash")).await;
    assert_eq!((answer.status, &*answer.code()), (500, "internal"));
    assert!(!answer.text().contains("canary"), "{answer:?}");
    let answer = rig.send(ask("POST /v1/test/break").token(&alice.token)).await;
    assert_eq!((answer.status, &*answer.code()), (500, "handler_panicked"));
    assert!(!answer.text().contains("canary"), "{answer:?}");
    assert_eq!(rig.send(ask("GET /readyz")).await.status, 200);
    assert_eq!(rig.count(&alice).await, 0);
}

#[tokio::test]
async fn a_loop_ends_at_the_limit_of_steps() {
    let answer = rig().await.send(ask("POST /v1/test/spin")).await;
    assert_eq!((answer.status, &*answer.code()), (500, "internal"));
    assert!(answer.field("detail").contains("64 steps"), "{answer:?}");
}

#[tokio::test]
async fn a_timeout_says_whether_something_may_have_happened() {
    let config = config::Config { request_timeout: Duration::from_secs(1), ..quick() };
    let rig = Rig::start(&config).await;
    let alice = rig.register("alice").await;
    let cases = [("false", 504, "timeout", 0), ("true", 503, "outcome_unknown", 1)];
    for (counts, status, code, counted) in cases {
        let body = format!("{{\"counts\": {counts}}}");
        let answer = rig.send(ask("POST /v1/test/sleep").token(&alice.token).json(body)).await;
        assert_eq!((answer.status, &*answer.code()), (status, code));
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{answer:?}");
        assert_eq!(rig.count(&alice).await, counted);
    }
}

#[tokio::test]
async fn requests_in_flight_end_before_the_server_stops() {
    let config = config::Config { request_timeout: Duration::from_secs(1), ..quick() };
    let rig = Rig::start(&config).await;
    let (alice, address) = (rig.register("alice").await, rig.address);
    let slow = ask("POST /v1/test/sleep").token(&alice.token).json("{\"counts\": true}");
    let mut idle = TcpStream::connect(address).await.expect("the server listens");
    let stop = async {
        sleep(Duration::from_millis(300)).await;
        rig.stop().await;
    };
    let stopping = timeout(Duration::from_secs(4), stop);
    let (answer, stopped) = tokio::join!(slow.send(address), stopping);
    stopped.expect("it does not wait for what is idle");
    assert_eq!((answer.status, &*answer.code()), (503, "outcome_unknown"));
    assert_eq!(idle.read(&mut [0]).await.expect("it is closed in order"), 0);
    TcpStream::connect(address).await.expect_err("nobody listens any more");
}

#[tokio::test]
async fn pages_need_no_entity() {
    let rig = rig().await;
    let index = rig.send(ask("GET /")).await;
    assert_eq!(index.status, 200);
    for part in ["/openapi.json", "/readyz"] {
        assert!(index.text().contains(part), "{part}");
    }
    assert_eq!(rig.send(ask("GET /livez")).await.json()["status"], "alive");
    assert_eq!(rig.send(ask("GET /readyz")).await.json()["status"], "ready");
    let shards = rig.send(ask("GET /v1/operator/shards").token(&rig.operator)).await.json();
    assert_eq!(shards["shards"].as_array().map(Vec::len), Some(4 + 1), "{shards}");
}
