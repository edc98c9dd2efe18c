//! Clients that say nothing, or never come to the end of it: how long a node waits for them.
//!
//! The gateway runs on a clock that does not wait: it goes on whenever nothing else does. The node behind it
//! has its own.

use std::iter::{once, repeat};
use std::time::Duration;

use axum::Router;
use futures::{SinkExt, StreamExt};
use node::gateway::{Gateway, Hall, Knobs, Ports, Setup};
use node::secret::Secret;
use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{Rig, Wire, frame, quick, rig};

/// Far above what the end of any connection takes.
const PATIENCE: Duration = Duration::from_mins(5);

const SECOND: Duration = Duration::from_secs(1);

/// What a connection holds that was sent and is not read yet, in bytes.
const WINDOW_BYTES: usize = 16 * 1024;

/// Says who it is: nobody.
const CONNECT: &str = r#"{"id":1,"connect":{}}"#;

/// A text of 60,000 bytes begins.
const TEXT: [u8; 8] = [0x81, 0xFE, 0xEA, 0x60, 0, 0, 0, 0];

/// A gateway in front of a node.
struct Door {
    hall: Hall,
    router: Router,
    connections: JoinSet<()>,
}

impl Door {
    fn open(rig: &Rig) -> Self {
        let setup = Setup {
            routes: actors::routes(),
            channels: actors::channels(),
            client: rig.client.clone(),
            ports: Ports::machine(),
            knobs: Knobs::default(),
        };
        let (config, connections) = (quick(), JoinSet::new());
        let router = Gateway::router(setup, &config, &Secret::random());
        Self { hall: Hall::new(&config), router, connections }
    }

    /// The end of a connection that a client holds.
    async fn connect(&mut self) -> DuplexStream {
        let (here, there) = duplex(WINDOW_BYTES);
        let held = self.hall.enter().await;
        self.connections.spawn(self.hall.clone().converse(there, self.router.clone(), held));
        here
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_whole_is_given_up() {
    let rig = rig().await;
    let mut door = Door::open(&rig);
    let (text, rest, ping) = (frame(0x01, b"x"), frame(0x00, b""), frame(0x89, b""));
    let cases = [
        ("nothing", Vec::new(), Vec::new()),
        ("half a head", vec![0x81], Vec::new()),
        ("a text that comes byte by byte", TEXT.to_vec(), b" ".to_vec()),
        ("pieces of nothing", text, rest),
        ("pings of the protocol below", ping.clone(), ping),
    ];
    for (name, first, next) in cases {
        let hello = frame(0x81, CONNECT.as_bytes());
        for (hello, code, seconds) in [(Vec::new(), 3502, 10), (hello, 3012, 35)] {
            let more = repeat(next.clone()).take_while(|it| !it.is_empty());
            let pieces = once([hello, first.clone()].concat()).chain(more);
            let (wire, began) = (Wire::open(door.connect().await).await, Instant::now());
            let ended = timeout(PATIENCE, wire.drip(pieces, SECOND)).await;
            let ended = ended.unwrap_or_else(|_late| panic!("{name} is waited for"));
            assert_eq!(ended, Some(code), "{name}");
            let took = began.elapsed().as_secs();
            assert!((seconds..=seconds + 1).contains(&took), "{name} took {took} s");
        }
    }
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_answers_pings_stays() {
    let rig = rig().await;
    let mut door = Door::open(&rig);
    let url = "ws://roost/connection/websocket";
    let (mut wire, _) = client_async(url, door.connect().await).await.unwrap();
    wire.send(Message::text(CONNECT)).await.unwrap();
    wire.next().await.unwrap().unwrap();
    for _ in 0..20 {
        let began = Instant::now();
        let ping = timeout(PATIENCE, wire.next()).await.unwrap().unwrap().unwrap();
        assert_eq!((ping.to_text().unwrap(), began.elapsed().as_secs()), ("{}", 25));
        sleep(9 * SECOND).await;
        wire.send(Message::text("{}")).await.unwrap();
    }
    wire.next().await.unwrap().unwrap();
    let began = Instant::now();
    let end = timeout(PATIENCE, wire.next()).await.unwrap().unwrap().unwrap();
    let Message::Close(Some(end)) = end else { panic!("{end:?}") };
    assert_eq!((u16::from(end.code), began.elapsed().as_secs()), (3012, 10));
    drop(wire);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_answers_is_given_up() {
    let rig = rig().await;
    let mut door = Door::open(&rig);
    let ping = frame(0x81, br#"{"id":2,"ping":{}}"#);
    let asked = [frame(0x81, CONNECT.as_bytes()), ping.repeat(10_000)].concat();
    for (waits, expected) in [(15, Some(3008)), (60, None)] {
        let wire = Wire::open(door.connect().await).await;
        let ended = timeout(PATIENCE, wire.read_late(&asked, waits * SECOND)).await.unwrap();
        assert_eq!(ended, expected, "{waits} s");
    }
    rig.stop().await;
}
