//! Nodes on real sockets of this machine, and those who are none.

use std::collections::BTreeMap;
use std::io::{Write as _, stderr};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::transport::{Class, Lane, MESSAGE_BYTES_MAX, NodeId, Transport};
use quinn::{Connection, ConnectionError, Endpoint};
use raft::home::{Drift, Home};
use raft::shared::Shared;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::endpoint::{Quic, Setup, system_socket};
use crate::hello::Farewell;
use crate::identity::{Identity, NEWCOMER};
use crate::limits::{DATAGRAM_BYTES_MAX, SOCKET_BYTES};
use crate::tls;

use super::identities::identity;
use super::stranger::Stranger;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn socket(port: u16) -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap()
}

/// Where everybody is.
type Places = Arc<Shared<BTreeMap<NodeId, SocketAddr>>>;

struct Node {
    home: Home,
    quic: Quic,
    arrived: UnboundedReceiver<(NodeId, Bytes)>,
}

impl Node {
    fn start(places: &Places, place: u32, identity: Identity) -> Self {
        Self::start_at(places, place, identity, socket(0))
    }

    fn start_at(places: &Places, place: u32, identity: Identity, socket: UdpSocket) -> Self {
        let home = Home::new(7 + u64::from(place), Drift::default());
        let (sender, arrived) = unbounded_channel();
        let known = Arc::clone(places);
        let setup = Setup {
            home: home.clone(),
            identity,
            socket: system_socket(socket).unwrap(),
            addresses: Arc::new(move |node| {
                known.with(|known| known.get(&node).map(ToString::to_string))
            }),
            deliver: Arc::new(move |node, message| sender.send((node, message)).unwrap_or(())),
            answer: Arc::new(move |node, question| {
                let answer = [format!("to {}: ", node.0).as_bytes(), &question].concat();
                Box::pin(async move { answer.into() })
            }),
        };
        let quic = Quic::start(setup).unwrap();
        places.with(|places| places.insert(NodeId(place), quic.address().unwrap()));
        Self { home, quic, arrived }
    }

    fn address(&self) -> SocketAddr {
        self.quic.address().unwrap()
    }

    fn say(&self, to: u32, what: &str) {
        let message = Bytes::copy_from_slice(what.as_bytes());
        self.quic.send(NodeId(to), Lane::usual(0), message);
    }

    /// The next message.
    async fn hear(&mut self) -> (u32, String) {
        let heard = timeout(PATIENCE, self.arrived.recv()).await;
        let (from, message) = heard.expect("nothing arrives").expect("it is there");
        (from.0, String::from_utf8_lossy(&message).into_owned())
    }

    /// Says something until it arrives: what was said to nobody does not.
    async fn reaches(&self, to: u32, other: &mut Self) {
        for _ in 0..200 {
            self.say(to, "are you there?");
            let heard = timeout(Duration::from_millis(100), other.arrived.recv()).await;
            if heard.is_ok_and(|it| it.is_some()) {
                return;
            }
        }
        panic!("node {to} is not reached");
    }

    /// Nothing arrives for a while.
    async fn hears_nothing(&mut self) {
        let heard = timeout(Duration::from_millis(500), self.arrived.recv()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    /// Ends without a word.
    fn kill(self) {
        self.home.end();
    }
}

fn two() -> (Places, Node, Node) {
    let places = Places::default();
    let (one, two) = (Node::start(&places, 1, identity(1)), Node::start(&places, 2, identity(2)));
    (places, one, two)
}

#[tokio::test]
async fn messages_arrive_in_order_both_ways() {
    let (_places, mut one, mut two) = two();
    for n in 0..1_000 {
        one.say(2, &n.to_string());
        two.say(1, &n.to_string());
    }
    for n in 0..1_000 {
        assert_eq!(two.hear().await, (1, n.to_string()));
        assert_eq!(one.hear().await, (2, n.to_string()));
    }
    assert!(one.home.tasks() > 3);
    let home = one.home.clone();
    one.kill();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(home.tasks(), 0, "nothing of it is left");
}

#[tokio::test]
async fn long_messages_do_not_hold_up_short_ones() {
    let (_places, one, mut two) = two();
    one.reaches(2, &mut two).await;
    for _ in 0..8 {
        one.quic.send(NodeId(2), Lane::bulk(0), vec![0; MESSAGE_BYTES_MAX].into());
    }
    one.quic.send(NodeId(2), Lane::CONTROL, Bytes::from_static(b"alive"));
    let mut long = 0;
    loop {
        let (_, message) = timeout(PATIENCE, two.arrived.recv()).await.unwrap().unwrap();
        if message == "alive" {
            break;
        }
        long += usize::from(message.len() == MESSAGE_BYTES_MAX);
    }
    assert!(long < 8, "it came last");
    one.quic.send(NodeId(2), Lane::usual(0), vec![0; MESSAGE_BYTES_MAX + 1].into());
    for _ in long..8 {
        assert!(timeout(PATIENCE, two.arrived.recv()).await.is_ok());
    }
    two.hears_nothing().await;
}

#[tokio::test]
async fn what_arrives_while_a_node_is_busy_waits() {
    const DATAGRAMS: usize = 48;
    let (receiver, sender) = (socket(0), socket(0));
    let (to, same) = (receiver.local_addr().unwrap(), receiver.try_clone().unwrap());
    let _held = system_socket(receiver).unwrap();
    let bytes = rustix::net::sockopt::socket_recv_buffer_size(&same).unwrap();
    if bytes < SOCKET_BYTES {
        writeln!(stderr(), "SKIP: the system lets only {bytes} bytes wait: net.core.rmem_max").ok();
        return;
    }
    let mut datagram = vec![0; usize::from(DATAGRAM_BYTES_MAX)];
    for _ in 0..DATAGRAMS {
        sender.send_to(&datagram, to).unwrap();
    }
    same.set_nonblocking(true).unwrap();
    for arrived in 0..DATAGRAMS {
        assert!(same.recv(&mut datagram).is_ok(), "{arrived} of {DATAGRAMS} are there");
    }
}

#[tokio::test]
async fn whoever_restarts_is_found_again() {
    let (places, one, mut two) = two();
    one.reaches(2, &mut two).await;
    let port = two.quic.address().unwrap().port();
    two.kill();
    one.say(2, "to nobody");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut again = Node::start_at(&places, 2, identity(2), socket(port));
    one.reaches(2, &mut again).await;
    let mut elsewhere = Node::start(&places, 2, identity(2));
    again.quic.close().await;
    one.reaches(2, &mut elsewhere).await;
}

#[tokio::test]
async fn whoever_has_connected_is_answered_though_nobody_has_said_where_it_is() {
    let places = Places::default();
    let (nobody, mut one) = (Places::default(), Node::start(&places, 1, identity(1)));
    let mut two = Node::start(&nobody, 2, identity(2));
    two.say(1, "to nobody");
    one.hears_nothing().await;
    places.with(|it| it.insert(NodeId(2), two.address()));
    one.reaches(2, &mut two).await;
    two.reaches(1, &mut one).await;
}

#[tokio::test]
async fn newcomers_ask_and_say_nothing_else() {
    let (places, mut one, _two) = two();
    let newcomer = Node::start(&places, 3, identity(NEWCOMER.0));
    let address = one.quic.address().unwrap().to_string();
    for question in ["", "who are you?", &"x".repeat(60_000)] {
        let asked = Bytes::copy_from_slice(question.as_bytes());
        let (node, answer) = newcomer.quic.ask(&address, asked, PATIENCE).await.unwrap();
        assert_eq!((node, answer), (NodeId(1), format!("to 0: {question}").into()));
    }
    let long = Bytes::from(vec![0; 70_000]);
    newcomer.quic.ask(&address, long, PATIENCE).await.unwrap_err();
    let nobody = newcomer.quic.ask("127.0.0.1:1", Bytes::new(), Duration::from_secs(1)).await;
    assert!(nobody.is_err(), "{nobody:?}");
    newcomer.say(1, "a message");
    one.hears_nothing().await;
}

#[tokio::test]
async fn a_question_does_not_end_what_is_under_way() {
    let (_places, one, mut two) = two();
    one.reaches(2, &mut two).await;
    let address = two.quic.address().unwrap().to_string();
    one.quic.ask(&address, Bytes::new(), PATIENCE).await.unwrap();
    one.say(2, "still there");
    assert_eq!(two.hear().await, (1, "still there".to_owned()));
}

/// Why a node has ended a connection.
async fn ended(connection: &Connection) -> Option<u64> {
    let why = timeout(PATIENCE, connection.closed()).await.expect("it is not ended");
    let ConnectionError::ApplicationClosed(close) = why else { return None };
    Some(close.error_code.into_inner())
}

#[tokio::test]
async fn whoever_has_no_certificate_says_nothing() {
    let (_places, mut one, mut two) = two();
    let stranger = Stranger::real(None);
    if let Ok(connection) = stranger.dial(1, one.address()).await {
        // TLS 1.3 lets a client speak before it learns that it is refused.
        let spoken = async {
            let mut stream = connection.open_uni().await.ok()?;
            stream.write_all(&[1, 0, 0, 0, 7]).await.ok()
        };
        spoken.await;
        assert_eq!(ended(&connection).await, None, "refused by TLS, not by us");
    }
    one.hears_nothing().await;
    two.reaches(1, &mut one).await;
    one.reaches(2, &mut two).await;
}

#[tokio::test]
async fn other_releases_are_told_so() {
    let (_places, one, _two) = two();
    let connection = Stranger::real(Some(&identity(3))).meet((1, one.address()), (7, 9)).await;
    assert_eq!(ended(&connection).await, Some(Farewell::Version as u64));
}

#[tokio::test]
async fn what_makes_no_sense_ends_its_connection_only() {
    let (_places, mut one, mut two) = two();
    one.reaches(2, &mut two).await;
    let stranger = Stranger::real(Some(&identity(3)));

    let connection = stranger.meet((1, one.address()), (1, 1)).await;
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(&u32::MAX.to_le_bytes()).await.unwrap();
    assert_eq!(ended(&connection).await, Some(Farewell::Malformed as u64), "a long message");

    let connection = stranger.dial(1, one.address()).await.unwrap();
    let (mut send, _) = connection.open_bi().await.unwrap();
    send.write_all(&[0xff; 19]).await.unwrap();
    assert_eq!(ended(&connection).await, Some(Farewell::Malformed as u64), "no hello");

    one.hears_nothing().await;
    two.reaches(1, &mut one).await;
}

#[tokio::test]
async fn of_two_with_one_identity_the_later_is_believed() {
    let (_places, one, _two) = two();
    let stranger = Stranger::real(Some(&identity(3)));
    let earlier = stranger.meet((1, one.address()), (1, 1)).await;
    let later = stranger.meet((1, one.address()), (1, 1)).await;
    assert_eq!(ended(&earlier).await, Some(Farewell::Replaced as u64));
    assert!(later.close_reason().is_none());
}

#[tokio::test]
async fn whoever_takes_nothing_in_holds_up_nobody_else() {
    let (places, one, mut two) = two();
    // Takes connections, and reads nothing.
    let (server, _) = tls::configs(&identity(3)).unwrap();
    let stuck = Endpoint::server(server, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    places.with(|places| places.insert(NodeId(3), stuck.local_addr().unwrap()));
    let message = Bytes::from(vec![0; 1 << 20]);
    for _ in 0..200 {
        one.quic.send(NodeId(3), Lane::usual(0), message.clone());
    }
    one.reaches(2, &mut two).await;
    assert_eq!(Class::ALL.map(|class| class as usize), [0, 1, 2], "queues are found by number");
}
