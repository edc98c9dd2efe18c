//! Bytes that are hardly HTTP: nothing is buffered that is not wanted, nothing is smuggled.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::{Answer, Rig, User, ask, quick, rig};

/// A request to count, with the headers that frame its body.
fn count(user: &User, framing: &str, body: &str) -> String {
    format!(
        "POST /v1/test/count HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n{framing}\r\n{body}",
        user.token
    )
}

const BODY: &str = "{\"what\": \"sheep\"}";

#[tokio::test]
async fn lengths_are_checked_before_anything_is_read() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let cases = [
        ("Content-Length: 9223372036854775808\r\n", 413),
        ("Content-Length: 18446744073709551616\r\n", 400),
        ("Content-Length: -1\r\n", 400),
        ("Content-Length: +17\r\n", 400),
        ("Content-Length: 17, 17\r\n", 400),
        ("Content-Length: 17\r\nContent-Length: 18\r\n", 400),
        ("Content-Length: 100000\r\nExpect: 100-continue\r\n", 413),
        ("Transfer-Encoding: gzip\r\n", 400),
        ("Transfer-Encoding: chunked, identity\r\n", 400),
    ];
    for (framing, expected) in cases {
        let text =
            rig.exchange(count(&alice, &format!("{framing}Connection: close\r\n"), "")).await;
        let answer = Answer::parse(&text).unwrap_or_else(|| panic!("{framing}: {text}"));
        assert_eq!(answer.status, expected, "{framing}: {text}");
    }
    assert_eq!(rig.count(&alice).await, 0);
}

#[tokio::test]
async fn damaged_chunks_end_the_connection() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    for body in ["zz\r\n", "ffffffffffffffffff\r\n", "5\r\n{\"what\r\n", "-1\r\n"] {
        let request = count(&alice, "Transfer-Encoding: chunked\r\nConnection: close\r\n", body);
        let text = rig.exchange(format!("{request}0\r\n\r\n")).await;
        let answer = Answer::parse(&text).unwrap_or_else(|| panic!("{body:?}: {text}"));
        assert_eq!((answer.status, &*answer.code()), (400, "body_incomplete"), "{body:?}");
    }
    assert_eq!(rig.count(&alice).await, 0);
}

#[tokio::test]
async fn a_stream_of_chunks_is_cut_at_the_limit() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let request = count(&alice, "Transfer-Encoding: chunked\r\nConnection: close\r\n", "");
    let chunks = format!("4000\r\n{}\r\n", " ".repeat(0x4000)).repeat(8);
    let text = rig.exchange(format!("{request}{chunks}0\r\n\r\n")).await;
    let answer = Answer::parse(&text).expect("it is answered");
    assert_eq!((answer.status, &*answer.code()), (413, "body_too_large"));
}

#[tokio::test]
async fn a_second_request_cannot_hide_in_a_body() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let hidden = count(&alice, &format!("Content-Length: {}\r\n", BODY.len()), BODY);
    let chunk = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    let framing = format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", chunk.len() + 9);
    let text = rig.exchange(format!("{}{hidden}", count(&alice, &framing, &chunk))).await;
    // The chunks end the body, whatever the length says, and nothing is read behind them.
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert!(text.contains("connection: close"), "{text}");
    assert_eq!(rig.count(&alice).await, 1);
}

#[tokio::test]
async fn large_heads_are_refused() {
    let rig = rig().await;
    for head in [
        format!("GET /livez HTTP/1.1\r\nHost: test\r\nA: {}\r\n\r\n", "a".repeat(10_000_000)),
        format!("GET /{} HTTP/1.1\r\nHost: test\r\n\r\n", "a".repeat(100_000)),
        format!("GET /livez HTTP/1.1\r\nHost: test\r\n{}\r\n", "A: a\r\n".repeat(200)),
    ] {
        let text = rig.exchange(&head).await;
        let status = Answer::parse(&text).map(|it| it.status);
        // The server may close before the client has read, which resets the connection.
        assert!(matches!(status, None | Some(414 | 431)), "{status:?}");
    }
    assert_eq!(rig.send(ask("GET /livez")).await.status, 200);
}

#[tokio::test]
async fn what_does_not_arrive_in_time_is_given_up() {
    let second = Duration::from_secs(1);
    let config = config::Config { header_timeout: second, request_timeout: second, ..quick() };
    let rig = Rig::start(&config).await;
    let alice = rig.register("alice").await;
    let head = "GET /livez HTTP/1.1\r\nHost: te";
    let text = timeout(4 * second, rig.exchange(head)).await.expect("the server gives up");
    assert_eq!(text, "");
    let late = count(&alice, "Content-Length: 17\r\nConnection: close\r\n", "{");
    let text = timeout(4 * second, rig.exchange(late)).await.expect("the server gives up");
    let answer = Answer::parse(&text).expect("it is answered");
    assert_eq!((answer.status, &*answer.code()), (408, "body_timeout"));
}

#[tokio::test]
async fn connections_above_the_limit_wait() {
    let rig = Rig::start(&config::Config { connections_max: 1, ..quick() }).await;
    let first = TcpStream::connect(rig.address).await.expect("the server listens");
    let mut second = TcpStream::connect(rig.address).await.expect("the queue has room");
    let request = b"GET /livez HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    second.write_all(request).await.expect("it is queued");
    let mut answer = [0; 12];
    let reading = second.read_exact(&mut answer);
    timeout(Duration::from_millis(300), reading).await.expect_err("it waits for the first");
    drop(first);
    second.read_exact(&mut answer).await.expect("it is served");
    assert_eq!(&answer, b"HTTP/1.1 200");
}
