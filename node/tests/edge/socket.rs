//! Requests over a WebSocket.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use crate::rig::{Rig, ask, quick, rig};

/// Far above what any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the system keeps for a narrow connection that does not read, in bytes: next to nothing.
const NARROW_BYTES: u32 = 16 * 1024;

/// A client of the protocol.
pub(crate) struct Socket {
    wire: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Replies that came in one frame with one that was waited for.
    heard: Vec<Value>,
}

impl Socket {
    pub(crate) async fn open(rig: &Rig) -> Self {
        let url = rig.url().replace("http://", "ws://");
        let (wire, _) = connect_async(format!("{url}/connection/websocket")).await.expect("open");
        Self { wire, heard: Vec::new() }
    }

    /// One that has said who it is.
    pub(crate) async fn connected(rig: &Rig, token: &str) -> Self {
        let mut socket = Self::open(rig).await;
        socket.connect(token).await;
        socket
    }

    /// The same, with a connection on which little waits that is not read.
    pub(crate) async fn narrow(rig: &Rig, token: &str) -> Self {
        let stream = TcpSocket::new_v4().expect("the system has sockets");
        stream.set_recv_buffer_size(NARROW_BYTES).expect("it is not too small");
        let stream = stream.connect(rig.address).await.expect("it listens");
        let url = format!("ws://{}/connection/websocket", rig.address);
        let (wire, _) = client_async(url, MaybeTlsStream::Plain(stream)).await.expect("open");
        let mut socket = Self { wire, heard: Vec::new() };
        socket.connect(token).await;
        socket
    }

    async fn connect(&mut self, token: &str) {
        self.say(&json!({ "id": 1, "connect": { "token": token } })).await;
        let connect = self.hear().await;
        assert_eq!((&connect["id"], &connect["connect"]["pong"]), (&json!(1), &json!(true)));
    }

    pub(crate) async fn say(&mut self, said: &Value) {
        self.send(Message::text(said.to_string())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        // A server that has had enough already does not take it.
        self.wire.send(message).await.ok();
    }

    /// The next reply.
    pub(crate) async fn hear(&mut self) -> Value {
        while self.heard.is_empty() {
            let message = timeout(PATIENCE, self.wire.next()).await.expect("it answers");
            let message = message.expect("it is open").expect("it is sound");
            let text = message.to_text().expect("it is text");
            if text == "{}" {
                self.say(&json!({})).await;
                continue;
            }
            let replies = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            self.heard.extend(replies.collect::<Vec<_>>().into_iter().rev());
        }
        self.heard.pop().expect("there is one")
    }

    /// With which code the server ends it; none if it does so without one.
    pub(crate) async fn ended(&mut self) -> Option<u16> {
        self.rest().await.1
    }

    /// What still comes, and the end as [`Socket::ended`] tells it.
    pub(crate) async fn rest(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut rest: Vec<_> = self.heard.drain(..).rev().collect();
        loop {
            match timeout(PATIENCE, self.wire.next()).await.expect("it ends") {
                Some(Ok(Message::Close(frame))) => return (rest, frame.map(|it| it.code.into())),
                Some(Ok(message)) => {
                    let text = message.to_text().expect("it is text");
                    rest.extend(text.lines().map(|it| serde_json::from_str(it).expect("JSON")));
                }
                Some(Err(_)) | None => return (rest, None),
            }
        }
    }

    pub(crate) async fn rpc(&mut self, id: u64, method: &str, data: Value) -> Value {
        self.say(&json!({ "id": id, "rpc": { "method": method, "data": data } })).await;
        let reply = self.hear().await;
        assert_eq!(reply["id"], id, "{reply}");
        reply
    }
}

#[tokio::test]
async fn many_requests_are_on_their_way_at_once() {
    let rig = rig().await;
    let mut socket = Socket::connected(&rig, &rig.operator).await;
    let write = |id: u64| {
        let data = json!({ "number": id % 7, "value": format!("v{id}") });
        json!({ "id": id, "rpc": { "method": "WriteProbe", "data": data } }).to_string()
    };
    for frame in (100..1_100).collect::<Vec<_>>().chunks(50) {
        let lines: Vec<_> = frame.iter().map(|id| write(*id)).collect();
        socket.send(Message::text(lines.join("\n"))).await;
    }
    let mut answered = Vec::new();
    for _ in 100..1_100 {
        let reply = socket.hear().await;
        assert!(reply["rpc"]["data"].is_u64(), "{reply}");
        answered.push(reply["id"].as_u64().expect("a number"));
    }
    answered.sort_unstable();
    assert!(answered.into_iter().eq(100..1_100), "each once");
    let mut writes = 0;
    for number in 0..7 {
        let probe = socket.rpc(2, "ReadProbe", json!({ "number": number })).await;
        writes += probe["rpc"]["data"]["writes"].as_u64().expect("a number");
    }
    assert_eq!(writes, 1_000);
}

#[tokio::test]
async fn routes_are_the_same_as_over_http() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let mut socket = Socket::connected(&rig, &alice.token).await;
    let post = json!({ "body": "hello", "idempotency_key": "one" });
    let first = socket.rpc(2, "Publish", post.clone()).await;
    assert!(first["rpc"]["data"].is_object(), "{first}");
    assert_eq!(socket.rpc(3, "Publish", post).await["rpc"], first["rpc"], "a repeat");
    let other = json!({ "body": "other", "idempotency_key": "one" });
    let refused = socket.rpc(4, "Publish", other).await;
    assert_eq!(refused["error"]["code"], 422, "{refused}");
    let unknown = socket.rpc(5, "Publish", json!({ "body": "a", "colour": "red" })).await;
    let message = unknown["error"]["message"].as_str().expect("a sentence");
    assert!(message.starts_with("unknown_field: "), "{unknown}");
    assert_eq!(socket.rpc(6, "Nothing", json!({})).await["error"]["code"], 104);
    let hidden = socket.rpc(7, "WriteProbe", json!({ "number": 1, "value": "a" })).await;
    assert_eq!(hidden["error"]["code"], 404, "operators only");
    let mut anybody = Socket::connected(&rig, "").await;
    assert_eq!(anybody.rpc(2, "Publish", json!({ "body": "a" })).await["error"]["code"], 401);
}

#[tokio::test]
async fn whoever_loses_their_token_is_cut_off() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let mut socket = Socket::connected(&rig, &alice.token).await;
    assert!(socket.rpc(2, "Publish", json!({ "body": "a" })).await["rpc"].is_object());
    let session = alice.token["roost_".len() + 26..][..26].to_owned();
    let out = ask(&format!("DELETE /v1/me/sessions/{session}")).token(&alice.token);
    let out = rig.send(out).await;
    assert!(out.status < 300, "{out:?}");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let publish = json!({ "id": 3, "rpc": { "method": "Publish", "data": { "body": "b" } } });
    socket.say(&publish).await;
    assert_eq!(socket.ended().await, Some(3500));
}

#[tokio::test]
async fn what_is_no_protocol_ends_the_connection() {
    let rig = rig().await;
    let rpc = json!({ "id": 1, "rpc": { "method": "Publish" } }).to_string();
    let wrong = json!({ "id": 1, "connect": { "token": "roost_nobody" } }).to_string();
    let cases = [
        (Message::text("what?"), 3501),
        (Message::text(rpc), 3501),
        (Message::text(wrong), 3500),
        (Message::binary(vec![1, 2, 3]), 3501),
        (Message::text("[".repeat(10_000)), 3501),
        (Message::text("x".repeat(1 << 20)), 1009),
    ];
    for (message, expected) in cases {
        let mut socket = Socket::open(&rig).await;
        socket.send(message.clone()).await;
        assert_eq!(socket.ended().await, Some(expected), "{message:.60}");
    }
    let mut twice = Socket::connected(&rig, "").await;
    twice.say(&json!({ "id": 2, "connect": {} })).await;
    assert_eq!(twice.ended().await, Some(3501));
    assert_eq!(rig.send(ask("GET /connection/websocket")).await.code(), "upgrade_required");
}

#[tokio::test]
async fn a_node_that_stops_answers_what_was_asked_and_says_goodbye() {
    let rig = rig().await;
    let mut socket = Socket::connected(&rig, &rig.operator).await;
    let write = |id: u64| {
        let data = json!({ "number": id, "value": "v" });
        json!({ "id": id, "rpc": { "method": "WriteProbe", "data": data } }).to_string()
    };
    let lines: Vec<_> = (100..300).map(write).collect();
    socket.send(Message::text(lines.join("\n"))).await;
    // The first answer tells that all were heard: they came in one frame.
    let first = socket.hear().await;
    assert!(first["rpc"]["data"].is_u64(), "{first}");
    let rest = async {
        for _ in 101..300 {
            let reply = socket.hear().await;
            assert!(reply["rpc"]["data"].is_u64(), "{reply}");
        }
        assert_eq!(socket.ended().await, Some(3001));
    };
    timeout(PATIENCE, async { tokio::join!(rig.stop(), rest) }).await.expect("it stops");
}

#[tokio::test]
async fn sockets_count_as_connections() {
    let rig = Rig::start(&config::Config { connections_max: 1, ..quick() }).await;
    let socket = Socket::connected(&rig, "").await;
    let livez = || rig.send(ask("GET /livez"));
    timeout(Duration::from_millis(300), livez()).await.expect_err("it waits for the socket");
    drop(socket);
    let answer = timeout(PATIENCE, livez()).await.expect("there is room");
    assert_eq!(answer.status, 200, "{answer:?}");
}
