//! What is below the protocol of a socket (RFC 6455): whose pages may open one, and frames that are none.

use std::iter::{once, repeat};
use std::time::Duration;

use axum::http::header::{HeaderValue, ORIGIN};
use config::Config;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::rig::{Rig, Wire, ask, frame, quick, rig};
use crate::socket::Socket;

/// Far above what the end of a connection takes, and below what a silent one gets.
const PATIENCE: Duration = Duration::from_secs(8);

async fn open(rig: &Rig) -> Wire<TcpStream> {
    Wire::open(TcpStream::connect(rig.address).await.expect("it listens")).await
}

/// Says something of which nobody waits for the end. Yields how the connection ends.
async fn say(rig: &Rig, name: &str, bytes: Vec<u8>) -> Option<u16> {
    let ended = timeout(PATIENCE, open(rig).await.drip([bytes], Duration::ZERO)).await;
    ended.unwrap_or_else(|_late| panic!("{name} is waited for"))
}

#[tokio::test]
async fn frames_that_are_none_end_the_connection_and_nothing_else() {
    let rig = rig().await;
    let mut other = Socket::connected(&rig, "").await;
    let text = frame(0x01, b"x");
    let without_end = [text.clone(), frame(0x00, b"x").repeat(70_000)].concat();
    let cases = [
        ("not masked", vec![0x81, 2, b'{', b'}'], 1002),
        ("reserved bits", frame(0xF1, b""), 1002),
        ("an operation that there is not", frame(0x83, b""), 1002),
        ("another one", frame(0x8B, b""), 1002),
        ("longer than anything", [&[0x81, 0xFF][..], &[0x7F; 12]].concat(), 1009),
        ("longer than allowed", vec![0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], 1009),
        ("pieces without end", without_end, 1009),
        ("a long ping", frame(0x89, &[0; 126]), 1002),
        ("a ping in pieces", frame(0x09, b""), 1002),
        ("no UTF-8", frame(0x81, &[0xFF]), 1007),
        ("no UTF-8 in pieces", [frame(0x01, &[0xC3]), frame(0x80, b"x")].concat(), 1007),
        ("the rest of nothing", frame(0x80, b""), 1002),
        ("a text within another", [text, frame(0x81, b"{}")].concat(), 1002),
        ("half a code for an end", frame(0x88, &[3]), 1002),
        ("noise", (0..4_000_u32).map(|it| (it * 7 % 251) as u8).collect(), 1002),
    ];
    for (name, bytes, code) in cases {
        for hello in [Vec::new(), frame(0x81, br#"{"id":1,"connect":{}}"#)] {
            let ended = say(&rig, name, [hello, bytes.clone()].concat()).await;
            assert_eq!(ended, Some(code), "{name}");
        }
    }
    other.say(&json!({ "id": 3, "ping": {} })).await;
    assert_eq!(other.hear().await["id"], 3, "others are still there");
}

#[tokio::test]
async fn a_goodbye_is_answered() {
    let rig = rig().await;
    let cases = [("1000", &[0x03, 0xE8][..], 1000), ("a code that there is not", &[0, 1], 1002)];
    for (name, goodbye, code) in cases {
        let ended = say(&rig, name, frame(0x88, goodbye)).await;
        assert_eq!(ended, Some(code), "{name}");
    }
}

#[tokio::test]
async fn frames_without_end_hold_nobody_up() {
    let rig = rig().await;
    let mut other = Socket::connected(&rig, "").await;
    // Pieces of nothing never come to be too large.
    let pieces = once(frame(0x01, b"x")).chain(repeat(frame(0x00, b"").repeat(10_000)));
    let flood = open(&rig).await.drip(pieces, Duration::ZERO);
    let talk = async {
        for id in 2..=50 {
            other.say(&json!({ "id": id, "ping": {} })).await;
            let answer = timeout(Duration::from_secs(1), other.hear()).await;
            assert_eq!(answer.expect("it is not held up")["id"], id);
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        ended = flood => panic!("it ends early: {ended:?}"),
        () = talk => {}
    }
}

#[tokio::test]
async fn pages_of_other_sites_get_no_socket() {
    let friend = "https://friend.example";
    let rig = Rig::start(&Config { origins: vec![friend.to_owned()], ..quick() }).await;
    let own = rig.url();
    let cases = [
        (&*own, 101),
        (friend, 101),
        ("https://evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("null", 403),
    ];
    for (origin, expected) in cases {
        let url = format!("ws://{}/connection/websocket", rig.address);
        let mut request = url.into_client_request().expect("it is a URL");
        request.headers_mut().insert(ORIGIN, HeaderValue::from_str(origin).expect("ASCII"));
        let status = match connect_async(request).await {
            Ok((_socket, response)) => response.status(),
            Err(Error::Http(response)) => response.status(),
            Err(error) => panic!("{origin}: {error}"),
        };
        assert_eq!(status, expected, "{origin}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_are_refused_before_anything_else() {
    let rig = rig().await;
    let from = |origin: &str| {
        rig.send(ask("GET /connection/websocket").header(format!("origin: {origin}")))
    };
    let answer = from("https://evil.example").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "origin_forbidden"));
    // As the header Host names this site.
    assert_eq!(from("http://test").await.code(), "upgrade_required");
}
