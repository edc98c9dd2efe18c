//! What nodes send each other goes through here, and meets bad weather: it is delayed, and so overtaken,
//! lost, doubled, and damaged.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use chance::{Chance, Odds};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::cluster::{NODES, Places};
use crate::error::ChaosError;

/// Longest packet that UDP has, in bytes.
const PACKET_BYTES_MAX: usize = 65_536;

/// Most packets under way in one direction between two nodes. More are lost, as on any line.
const UNDER_WAY_MAX: usize = 4_096;

/// What becomes of packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weather {
    /// How often one is lost.
    pub lost: Odds,
    /// How often one arrives twice.
    pub doubled: Odds,
    /// How often a bit of one is another.
    pub damaged: Odds,
    /// How often later ones overtake one.
    pub overtaken: Odds,
    /// How long all take of one direction between two nodes, in microseconds, least and most.
    pub delay_micros: (u64, u64),
}

/// Nothing becomes of them.
pub const FAIR: Weather = Weather {
    lost: Odds::NEVER,
    doubled: Odds::NEVER,
    damaged: Odds::NEVER,
    overtaken: Odds::NEVER,
    delay_micros: (0, 0),
};

/// How much longer one takes that is overtaken, in microseconds, least and most.
const OVERTAKEN_MICROS: (u64, u64) = (1_000, 20_000);

/// A relay in front of each node.
#[derive(Debug)]
pub struct Relays {
    weather: watch::Sender<Weather>,
    _work: JoinSet<()>,
}

/// One direction between two nodes.
struct Line {
    weather: watch::Receiver<Weather>,
    chance: Chance,
    /// How long it is, among others.
    pace: Chance,
    /// What is under way, by when it arrives and how much was sent before.
    under_way: BTreeMap<(Instant, u64), Bytes>,
    sent: u64,
}

/// Where a line ends.
struct End {
    socket: Arc<UdpSocket>,
    to: SocketAddr,
}

impl Relays {
    /// Begins, with fair weather. What is drawn comes from `chance`.
    ///
    /// # Errors
    ///
    /// When the places are taken.
    pub async fn start(places: &Places, chance: &mut Chance) -> Result<Self, ChaosError> {
        let (weather, told) = watch::channel(FAIR);
        let mut work = JoinSet::new();
        for node in 0..NODES {
            let front = UdpSocket::bind(places.peers[node]).await;
            let front = Arc::new(front.map_err(ChaosError::io("a relay"))?);
            let chance = Chance::of(chance.draw(), "relay");
            work.spawn(relay(front, places.bind[node], told.clone(), chance));
        }
        Ok(Self { weather, _work: work })
    }

    /// The weather changes.
    pub fn change(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

/// Passes on what is sent to one node, and what it answers.
async fn relay(
    front: Arc<UdpSocket>,
    node: SocketAddr,
    weather: watch::Receiver<Weather>,
    mut chance: Chance,
) {
    let (mut lines, mut work) = (BTreeMap::new(), JoinSet::new());
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    loop {
        // A failure is an answer to what was sent to a node that is away.
        let Ok((length, from)) = front.recv_from(&mut buffer).await else { continue };
        if let Entry::Vacant(place) = lines.entry(from) {
            let Ok(back) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await else { continue };
            let back = Arc::new(back);
            let mut line = |socket: &Arc<UdpSocket>, to| {
                let (sender, packets) = mpsc::channel(UNDER_WAY_MAX);
                let line = Line::new(weather.clone(), &mut chance);
                work.spawn(line.carry(packets, End { socket: Arc::clone(socket), to }));
                sender
            };
            let (there, home) = (line(&back, node), line(&front, from));
            work.spawn(answer(back, home));
            place.insert(there);
        }
        if let Some(line) = lines.get(&from) {
            // A line that is full loses it.
            line.try_send(Bytes::copy_from_slice(&buffer[..length])).ok();
        }
    }
}

/// Takes in what a node answers to another one.
async fn answer(socket: Arc<UdpSocket>, line: mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    loop {
        if let Ok(length) = socket.recv(&mut buffer).await {
            // A line that is full loses it.
            line.try_send(Bytes::copy_from_slice(&buffer[..length])).ok();
        }
    }
}

impl Line {
    fn new(weather: watch::Receiver<Weather>, chance: &mut Chance) -> Self {
        let pace = Chance::of(chance.draw(), "pace");
        let chance = Chance::of(chance.draw(), "line");
        Self { weather, chance, pace, under_way: BTreeMap::new(), sent: 0 }
    }

    /// Carries packets to the end of the line, as long as it lives.
    async fn carry(mut self, mut packets: mpsc::Receiver<Bytes>, end: End) {
        loop {
            let next = self.under_way.first_key_value().map(|((due, _), _)| *due);
            let arrives = async {
                match next {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = arrives => {
                    if let Some((_, packet)) = self.under_way.pop_first() {
                        // A node that is away gets nothing.
                        end.socket.send_to(&packet, end.to).await.map(drop).ok();
                    }
                }
                packet = packets.recv() => match packet {
                    Some(packet) => self.take(&packet),
                    None => return,
                }
            }
        }
    }

    fn take(&mut self, packet: &Bytes) {
        let weather = *self.weather.borrow();
        let mut packet = packet.to_vec();
        if self.chance.hits(weather.damaged) && !packet.is_empty() {
            let place = self.chance.index(packet.len());
            packet[place] ^= 1 << self.chance.below(8);
        }
        let times = usize::from(!self.chance.hits(weather.lost));
        let times = times + usize::from(self.chance.hits(weather.doubled));
        let (least, most) = weather.delay_micros;
        // The same for all packets: what is sent in order arrives in order.
        let usual = self.pace.clone().lasting(least..=most);
        for _ in 0..times {
            let mut delay = usual;
            if self.chance.hits(weather.overtaken) {
                delay += self.chance.lasting(OVERTAKEN_MICROS.0..=OVERTAKEN_MICROS.1);
            }
            if self.under_way.len() < UNDER_WAY_MAX {
                self.sent += 1;
                let key = (Instant::now() + delay, self.sent);
                self.under_way.insert(key, Bytes::copy_from_slice(&packet));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::cluster::Ground;

    const ALWAYS: Odds = Odds(1_000_000);

    /// What arrives of a packet, and of the answer to it.
    async fn sent(
        relays: &Relays,
        ends: &[UdpSocket],
        places: &Places,
        weather: Weather,
    ) -> Vec<Vec<u8>> {
        relays.change(weather);
        ends[0].send_to(b"there", places.peers[1]).await.unwrap();
        let (mut arrived, mut buffer) = (Vec::new(), [0; 64]);
        for end in [&ends[1], &ends[0]] {
            let quiet = Duration::from_millis(300);
            while let Ok(Ok((length, from))) = timeout(quiet, end.recv_from(&mut buffer)).await {
                arrived.push(buffer[..length].to_vec());
                if buffer[..length] == *b"there" {
                    end.send_to(b"back", from).await.unwrap();
                }
            }
        }
        arrived
    }

    #[tokio::test]
    async fn the_weather_is_as_it_is_told() {
        let places = Places::find(Ground::Relays).unwrap();
        let relays = Relays::start(&places, &mut Chance::of(7, "test")).await.unwrap();
        let mut ends = Vec::new();
        for place in &places.bind {
            ends.push(UdpSocket::bind(place).await.unwrap());
        }
        let fair = [b"there".to_vec(), b"back".to_vec()];
        assert_eq!(sent(&relays, &ends, &places, FAIR).await, fair);
        let lost = Weather { lost: ALWAYS, ..FAIR };
        assert_eq!(sent(&relays, &ends, &places, lost).await, [b""; 0]);
        let doubled = Weather { doubled: ALWAYS, ..FAIR };
        assert_eq!(sent(&relays, &ends, &places, doubled).await.len(), 6);
        let damaged = Weather { damaged: ALWAYS, ..FAIR };
        let arrived = sent(&relays, &ends, &places, damaged).await;
        assert_eq!(arrived.len(), 1);
        let bits = arrived[0].iter().zip(b"there").map(|(is, was)| (is ^ was).count_ones());
        assert_eq!(bits.sum::<u32>(), 1);
        let late = Weather { delay_micros: (100_000, 200_000), ..FAIR };
        assert_eq!(sent(&relays, &ends, &places, late).await, fair);
    }
}
