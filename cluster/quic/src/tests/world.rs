//! Nodes in a simulation: one thread, virtual time, and chance that follows from a seed.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cluster::transport::{Class, Lane, NodeId, Transport};
use raft::home::{Drift, Home};
use raft::shared::Shared;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::{Builder, RngSeed};
use tokio::time::{Instant, sleep};

use super::identities::identity;
use super::network::{Datagram, Network, Weather};
use super::socket::Socket;
use super::trace::Trace;
use super::word::{Heard, Word};
use crate::endpoint::{Quic, Setup};
use crate::identity::Identity;

/// Between two looks at whether something has come about.
const LOOK: Duration = Duration::from_millis(1);

/// Longer than it takes to connect where nothing is lost.
pub(super) const ROUND: Duration = Duration::from_secs(1);

/// Between two words of somebody who talks.
pub(super) const WORD_PERIOD: Duration = Duration::from_millis(10);

/// What is told of a simulation that does not end well.
const LAST_LINES: usize = 60;

/// A network, and what its nodes have in common.
pub(super) struct World {
    pub(super) network: Network,
    pub(super) trace: Trace,
    home: Home,
    chance: Shared<SmallRng>,
    places: Arc<Shared<BTreeMap<NodeId, SocketAddr>>>,
    lives: AtomicU64,
}

/// One life of a node.
pub(super) struct Node {
    pub(super) number: u32,
    pub(super) home: Home,
    pub(super) quic: Quic,
    pub(super) socket: Arc<Socket>,
    pub(super) heard: Arc<Heard>,
    life: u64,
    said: Shared<BTreeMap<(u32, Class), u64>>,
}

/// Plays a scenario, and yields what has happened. Says which seed it was if it does not end well.
pub(super) fn simulate(seed: u64, scenario: impl AsyncFnOnce(&World)) -> Trace {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_time().start_paused(true).rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()));
    runtime.build().expect("a runtime").block_on(async {
        let trace = Trace::new();
        let _told = LastWords(seed, trace.clone());
        let _logged = trace.listen();
        let world = World::new(seed, trace.clone());
        scenario(&world).await;
        world.home.end();
        trace
    })
}

/// Says which seed it was that did not end well, and what happened last.
struct LastWords(u64, Trace);

impl Drop for LastWords {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.1.lines();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            writeln!(std::io::stderr(), "seed {}\n{}", self.0, last.join("\n")).ok();
        }
    }
}

/// Where a node is unless somebody says otherwise.
pub(super) fn place(number: u32) -> SocketAddr {
    let [.., low] = number.to_be_bytes();
    ([10, 0, 0, low], 4_100).into()
}

impl World {
    fn new(seed: u64, trace: Trace) -> Self {
        let home = Home::new(seed, Drift::default());
        Self {
            network: Network::new(home.seed(), &home, trace.clone()),
            trace,
            chance: Shared::new(SmallRng::seed_from_u64(home.seed())),
            home,
            places: Arc::default(),
            lives: AtomicU64::default(),
        }
    }

    /// A node at its usual place. If one of that number was there, it is gone.
    pub(super) fn start(&self, number: u32) -> Node {
        self.start_as(number, identity(number), place(number))
    }

    /// A node that others take for `number`.
    pub(super) fn start_as(&self, number: u32, identity: Identity, at: SocketAddr) -> Node {
        let life = self.lives.fetch_add(1, Ordering::Relaxed);
        self.trace.note(format_args!("node {number} begins life {life} at {at}"));
        let home = Home::new(self.home.seed(), Drift::default());
        let (socket, heard) = (self.network.bind(at), Arc::<Heard>::default());
        let (places, ears, trace) =
            (Arc::clone(&self.places), Arc::clone(&heard), self.trace.clone());
        let setup = Setup {
            home: home.clone(),
            identity,
            socket: Arc::<Socket>::clone(&socket),
            addresses: Arc::new(move |it| {
                places.with(|places| places.get(&it).map(ToString::to_string))
            }),
            deliver: Arc::new(move |from, message| {
                let word = ears.hear(from.0, message);
                trace.note(format_args!("node {number} hears {word:?}"));
            }),
            answer: Arc::new(|_, question| Box::pin(async { question })),
        };
        let quic = Quic::start(setup).expect("it starts");
        self.places.with(|places| places.insert(NodeId(number), at));
        Node { number, home, quic, socket, heard, life, said: Shared::default() }
    }

    /// Two nodes that have been connected to each other for a while, in weather that loses nothing.
    pub(super) async fn start_two(&self) -> (Node, Node) {
        self.network.suffer(Weather {
            doubled: u32::try_from(self.draw(0..200)).expect("small"),
            delay_min: Duration::from_millis(self.draw(1..20)),
            delay_more: Duration::from_millis(self.draw(0..20)),
            ..Weather::FAIR
        });
        let (one, two) = (self.start(1), self.start(2));
        one.reaches(&two, 2 * ROUND).await;
        two.reaches(&one, 2 * ROUND).await;
        // Until it is known how long datagrams may be: the attempts to find out fill the window.
        sleep(2 * ROUND).await;
        (one, two)
    }

    /// A number within a range.
    pub(super) fn draw(&self, range: std::ops::Range<u64>) -> u64 {
        self.chance.with(|chance| chance.random_range(range))
    }

    /// Bytes that mean nothing.
    pub(super) fn noise(&self, bytes: usize) -> Vec<u8> {
        self.chance.with(|chance| (0..bytes).map(|_| chance.random()).collect())
    }

    /// Waits until something holds, for so long at most. Yields how long it took.
    pub(super) async fn until(
        &self,
        limit: Duration,
        what: &str,
        holds: impl Fn() -> bool,
    ) -> Duration {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
            sleep(LOOK).await;
        }
        began.elapsed()
    }

    /// Sends a datagram as if it came from somebody.
    pub(super) fn throw(&self, from: SocketAddr, to: SocketAddr, bytes: impl Into<Bytes>) {
        self.network.send(Datagram { from, to, bytes: bytes.into() });
    }
}

impl Node {
    /// Says something short.
    pub(super) fn say(&self, to: u32, class: Class) -> Word {
        self.say_long(to, class, 0)
    }

    /// Says something of so many bytes.
    pub(super) fn say_long(&self, to: u32, class: Class, bytes: usize) -> Word {
        let number = self.said.with(|said| {
            let number = said.entry((to, class)).or_default();
            *number += 1;
            *number
        });
        let word = Word { from: self.number, life: self.life, class, number };
        self.quic.send(NodeId(to), Lane { class, number: 0 }, word.message(bytes));
        word
    }

    /// Says something again and again until it arrives. Yields how long it took.
    pub(super) async fn reaches(&self, other: &Self, limit: Duration) -> Duration {
        let (began, first) = (Instant::now(), self.say(other.number, Class::Control));
        while !other.heard.has_since(first) {
            assert!(began.elapsed() < limit, "not within {limit:?}: {} is reached", other.number);
            sleep(WORD_PERIOD).await;
            self.say(other.number, Class::Control);
        }
        began.elapsed()
    }

    /// Talks until something holds, for so long at most. Yields how long it took.
    pub(super) async fn talk_until(
        &self,
        to: u32,
        limit: Duration,
        holds: impl Fn() -> bool,
    ) -> Duration {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < limit, "not within {limit:?}");
            self.say(to, Class::Usual);
            sleep(WORD_PERIOD).await;
        }
        began.elapsed()
    }

    /// Talks for so long. Yields what it has said.
    pub(super) async fn talk(&self, to: u32, lasting: Duration) -> Vec<Word> {
        let (began, mut words) = (Instant::now(), Vec::new());
        while began.elapsed() < lasting {
            words.push(self.say(to, Class::Usual));
            sleep(WORD_PERIOD).await;
        }
        words
    }

    /// Ends without a word.
    pub(super) fn kill(&self) {
        self.socket.close();
        self.home.end();
    }
}
