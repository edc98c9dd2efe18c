//! What nodes send each other goes through here, and meets bad weather: it is delayed, and so overtaken,
//! lost, doubled, and damaged.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chance::{Chance, Odds};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cluster::{NODES, Places};
use crate::error::ChaosError;

/// Longest packet that UDP has, in bytes.
const PACKET_BYTES_MAX: usize = 65_536;

/// Most packets under way in one direction between two nodes. More are lost, as on any line.
const UNDER_WAY_MAX: usize = 4_096;

/// What becomes of packets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Weather {
    /// How often one is lost.
    pub lost: Odds,
    /// How often one arrives twice.
    pub doubled: Odds,
    /// How often a bit of one is another.
    pub damaged: Odds,
    /// How long one takes, in microseconds, least and most. Those that take less overtake others.
    pub delay_micros: (u64, u64),
}

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
    under_way: JoinSet<()>,
}

/// Where a line ends.
#[derive(Clone)]
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
        let (weather, told) = watch::channel(Weather::default());
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
    let (mut lines, mut answering) = (BTreeMap::new(), JoinSet::new());
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    loop {
        // An answer to what was sent to a node that is away.
        let Ok((length, from)) = front.recv_from(&mut buffer).await else { continue };
        let mut line = || {
            let chance = Chance::of(chance.draw(), "line");
            Line { weather: weather.clone(), chance, under_way: JoinSet::new() }
        };
        if !lines.contains_key(&from) {
            let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await else { continue };
            let end = End { socket: Arc::new(socket), to: node };
            let back = End { socket: Arc::clone(&front), to: from };
            answering.spawn(answer(Arc::clone(&end.socket), back, line()));
            lines.insert(from, (end, line()));
        }
        if let Some((end, line)) = lines.get_mut(&from) {
            line.pass(&buffer[..length], end);
        }
    }
}

/// Passes on what a node answers to another one.
async fn answer(socket: Arc<UdpSocket>, end: End, mut line: Line) {
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    loop {
        if let Ok(length) = socket.recv(&mut buffer).await {
            line.pass(&buffer[..length], &end);
        }
    }
}

impl Line {
    fn pass(&mut self, packet: &[u8], end: &End) {
        while self.under_way.try_join_next().is_some() {}
        let weather = *self.weather.borrow();
        let mut packet = packet.to_vec();
        if self.chance.hits(weather.damaged) && !packet.is_empty() {
            let place = self.chance.index(packet.len());
            packet[place] ^= 1 << self.chance.below(8);
        }
        let packet = Bytes::from(packet);
        let times = if self.chance.hits(weather.lost) { 0 } else { 1 };
        let times = times + usize::from(self.chance.hits(weather.doubled));
        for _ in 0..times {
            let (least, most) = weather.delay_micros;
            let delay = self.chance.lasting(least..=most);
            if self.under_way.len() < UNDER_WAY_MAX {
                self.under_way.spawn(carry(packet.clone(), end.clone(), delay));
            }
        }
    }
}

async fn carry(packet: Bytes, end: End, delay: Duration) {
    if !delay.is_zero() {
        sleep(delay).await;
    }
    // A node that is away gets nothing.
    end.socket.send_to(&packet, end.to).await.map(drop).ok();
}
