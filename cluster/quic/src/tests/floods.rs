//! Thousands of datagrams that are none: noise, copies, pieces, and handshakes that nobody means to finish.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cluster::transport::Class;
use quinn::Connecting;
use tokio::time::sleep;

use super::network::Datagram;
use super::stranger::Stranger;
use super::world::{Node, ROUND, World, place, simulate};
use crate::limits::{HELLO_MAX, PAUSE_MAX, STRANGERS_MAX, STRANGERS_TRUSTED};

const SEEDS: std::ops::Range<u64> = 0..3;

/// How long a flood lasts, in milliseconds.
const FLOOD_MILLIS: usize = 3_000;

/// Datagrams of a flood in each of them.
const DATAGRAMS: usize = 4;

/// Handshakes that somebody has begun.
const HANDSHAKES: usize = 400;

/// Somebody sends to node 2 what nobody means.
struct Flood<'a> {
    world: &'a World,
    /// First datagrams of handshakes.
    first: Vec<Datagram>,
    /// What nodes have sent to each other.
    real: Vec<Datagram>,
}

impl<'a> Flood<'a> {
    /// Listens for a while to what nodes say, and begins handshakes that reach nobody.
    async fn prepare(world: &'a World, one: &Node, two: &Node) -> Self {
        world.network.copy();
        for _ in 0..100 {
            one.reaches(two, ROUND).await;
            two.reaches(one, ROUND).await;
        }
        let real = world.network.copies();
        let somebody = place(7);
        world.network.cut(somebody, place(2));
        world.network.copy();
        let stranger = Stranger::simulated(world, somebody, None);
        let begun: Vec<Connecting> = (0..HANDSHAKES).map(|_| stranger.begin(2, place(2))).collect();
        sleep(ROUND / 2).await;
        let mut first = world.network.copies();
        first.retain(|it| it.from == somebody);
        assert_eq!(first.len(), begun.len());
        Self { world, first, real }
    }

    /// One of these.
    fn pick<'b>(&self, of: &'b [Datagram]) -> &'b Datagram {
        &of[self.below(of.len())]
    }

    fn below(&self, end: usize) -> usize {
        usize::try_from(self.world.draw(0..end as u64)).expect("small")
    }

    /// An address that somebody has made up.
    fn nowhere(&self) -> SocketAddr {
        let [.., high, low] = self.below(1 << 16).to_be_bytes();
        ([10, 9, high, low], 4_100).into()
    }

    fn throw(&self) {
        let copy = if self.below(2) == 0 { &self.first } else { &self.real };
        let copy = self.pick(copy).clone();
        let from = if self.below(3) == 0 { copy.from } else { self.nowhere() };
        let mut bytes = copy.bytes.to_vec();
        match self.below(6) {
            0 => {}
            1 => bytes.truncate(self.below(bytes.len())),
            2 => bytes[0] ^= 1 << self.below(8),
            3 => {
                let at = self.below(bytes.len());
                bytes[at] ^= 1 << self.below(8);
            }
            // Looks like the beginning of a handshake.
            4 => {
                bytes = self.world.noise(1_200);
                bytes[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
            }
            _ => bytes = self.world.noise(1 + self.below(1_500)),
        }
        self.world.throw(from, place(2), bytes);
    }

    /// Bytes that went to made-up addresses, or came from them.
    fn bytes(&self, between: &str) -> usize {
        let lines = self.world.trace.lines();
        let lines = lines.iter().filter(|it| it.contains(between) && it.contains(" bytes sent"));
        let counts = lines.filter_map(|line| line.split(' ').nth(4)?.parse::<usize>().ok());
        counts.sum()
    }
}

#[test]
fn a_flood_stops_nobody() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, two) = (world.start(1), world.start(2));
            let flood = Flood::prepare(world, &one, &two).await;
            let three = world.start(3);
            let (mut most, mut words) = (0, Vec::new());
            for n in 0..FLOOD_MILLIS {
                (0..DATAGRAMS).for_each(|_| flood.throw());
                sleep(Duration::from_millis(1)).await;
                most = most.max(two.quic.0.strangers.load(Ordering::Relaxed));
                if n % 10 == 0 {
                    words.push(one.say(2, Class::Usual));
                }
                // Whoever comes when it has long begun shows that its address is its own.
                if n == FLOOD_MILLIS / 2 {
                    three.say(2, Class::Usual);
                }
                let late = n.checked_sub(200).map(|n| words[n / 10]);
                assert!(late.is_none_or(|word| two.heard.has(word)), "{late:?} does not arrive");
            }
            assert!((STRANGERS_TRUSTED..=STRANGERS_MAX).contains(&most), "{most} strangers");
            assert!(two.heard.has_from(3), "who is new is kept out");
            assert_eq!(world.trace.count(&["not connected"]), 0);
            let (sent, answered) = (flood.bytes(" 10.9."), flood.bytes("10.0.0.2:4100 > 10.9."));
            assert!(answered <= 3 * (sent - answered), "{answered} bytes for {sent}");
            sleep(HELLO_MAX + PAUSE_MAX).await;
            assert_eq!(two.quic.0.strangers.load(Ordering::Relaxed), 0);
            assert!(two.quic.0.endpoint.open_connections() <= 4, "nothing is left of it");
            for node in [one, two, three] {
                node.heard.check();
            }
        });
    }
}
