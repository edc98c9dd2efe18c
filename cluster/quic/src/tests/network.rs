//! UDP between the nodes of a simulation: what is sent is late, lost, doubled or overtaken, by seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raft::home::Home;
use raft::shared::Shared;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::socket::{Port, Socket};
use super::trace::Trace;

/// What datagrams suffer on their way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// How many are lost, of a thousand.
    pub(super) lost: u32,
    /// How many arrive twice, of a thousand.
    pub(super) doubled: u32,
    /// The shortest way.
    pub(super) delay_min: Duration,
    /// What is added to it at most. Where it is more than nothing, datagrams overtake each other.
    pub(super) delay_more: Duration,
    /// Longer ones are lost.
    pub(super) bytes_max: usize,
}

/// What somebody sends.
#[derive(Clone)]
pub(super) struct Datagram {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) bytes: Bytes,
}

/// The network between all sockets. Clones are the same.
#[derive(Clone)]
pub(super) struct Network(Arc<Inner>);

struct Inner {
    state: Shared<State>,
    news: Notify,
    trace: Trace,
}

struct State {
    chance: SmallRng,
    weather: Weather,
    /// What the first sends does not reach the second.
    cuts: BTreeSet<(SocketAddr, SocketAddr)>,
    ports: BTreeMap<SocketAddr, Arc<Port>>,
    /// What is on its way, by the moment of its arrival.
    parcels: BTreeMap<(Instant, u64), Datagram>,
    taken: u64,
    /// Copies of what was sent, if somebody listens.
    copies: Option<Vec<Datagram>>,
}

impl Weather {
    /// Everything arrives, after a millisecond.
    pub(super) const FAIR: Self = Self {
        lost: 0,
        doubled: 0,
        delay_min: Duration::from_millis(1),
        delay_more: Duration::ZERO,
        bytes_max: 1_472,
    };
}

impl Network {
    /// A network in fair weather, that is carried on by tasks of `home`.
    pub(super) fn new(seed: u64, home: &Home, trace: Trace) -> Self {
        let state = State {
            chance: SmallRng::seed_from_u64(seed),
            weather: Weather::FAIR,
            cuts: BTreeSet::new(),
            ports: BTreeMap::new(),
            parcels: BTreeMap::new(),
            taken: 0,
            copies: None,
        };
        let inner = Inner { state: Shared::new(state), news: Notify::new(), trace };
        let network = Self(Arc::new(inner));
        home.spawn(network.clone().carry());
        network
    }

    /// A socket at this address. Whoever was there gets nothing any more.
    pub(super) fn bind(&self, address: SocketAddr) -> Arc<Socket> {
        let port = Arc::new(Port::new(address));
        self.0.state.with(|state| state.ports.insert(address, Arc::clone(&port)));
        Arc::new(Socket::new(self.clone(), port))
    }

    /// Who was at one address is at another one.
    pub(super) fn moved(&self, from: SocketAddr, to: SocketAddr) {
        self.0.state.with(|state| {
            if let Some(port) = state.ports.remove(&from) {
                state.ports.insert(to, port);
            }
        });
    }

    pub(super) fn suffer(&self, weather: Weather) {
        self.0.state.with(|state| state.weather = weather);
    }

    /// Nothing comes from one to the other any more; the other direction is a cut of its own.
    pub(super) fn cut(&self, from: SocketAddr, to: SocketAddr) {
        self.0.trace.note(format_args!("cut {from} > {to}"));
        self.0.state.with(|state| state.cuts.insert((from, to)));
    }

    /// Ends all cuts.
    pub(super) fn heal(&self) {
        self.0.trace.note("heal");
        self.0.state.with(|state| state.cuts.clear());
    }

    /// Keeps copies of what is sent from now on, for [`Network::copies`].
    pub(super) fn copy(&self) {
        self.0.state.with(|state| state.copies = Some(Vec::new()));
    }

    /// What was sent since [`Network::copy`].
    pub(super) fn copies(&self) -> Vec<Datagram> {
        self.0.state.with(|state| state.copies.take()).unwrap_or_default()
    }

    /// Sends something, whoever it says it is from.
    pub(super) fn send(&self, datagram: Datagram) {
        let Datagram { from, to, bytes } = &datagram;
        let line = format!("{from} > {to} {} bytes", bytes.len());
        let fate = self.0.state.with(|state| state.take(datagram));
        self.0.trace.note(format_args!("{line} {fate}"));
        self.0.news.notify_one();
    }

    /// Carries datagrams to the sockets that there are, for ever.
    async fn carry(self) {
        loop {
            while let Some((datagram, port)) = self.0.state.with(State::due) {
                let Datagram { from, to, ref bytes } = datagram;
                let line = format!("{from} > {to} {} bytes", bytes.len());
                let fate = port.map_or("to nobody", |port| port.arrive(datagram));
                self.0.trace.note(format_args!("{line} {fate}"));
            }
            let next = self.0.state.with(|it| it.parcels.first_key_value().map(|(key, _)| key.0));
            let next = next.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            tokio::select! {
                biased;
                () = self.0.news.notified() => {}
                () = sleep_until(next) => {}
            }
        }
    }
}

impl State {
    /// Takes what is sent. Yields what becomes of it.
    fn take(&mut self, datagram: Datagram) -> &'static str {
        if let Some(copies) = &mut self.copies {
            copies.push(datagram.clone());
        }
        // Drawn in any case: what follows does not depend on what becomes of this one.
        let is_lost = self.chance.random_ratio(self.weather.lost, 1_000);
        let is_doubled = self.chance.random_ratio(self.weather.doubled, 1_000);
        let (once, again) = (self.arrival(), self.arrival());
        if self.cuts.contains(&(datagram.from, datagram.to)) {
            return "cut off";
        }
        if is_lost || datagram.bytes.len() > self.weather.bytes_max {
            return "lost";
        }
        self.taken += 2;
        if is_doubled {
            self.parcels.insert((again, self.taken - 1), datagram.clone());
        }
        self.parcels.insert((once, self.taken), datagram);
        if is_doubled { "sent twice" } else { "sent" }
    }

    fn arrival(&mut self) -> Instant {
        let Weather { delay_min, delay_more, .. } = self.weather;
        Instant::now() + delay_min + self.chance.random_range(Duration::ZERO..=delay_more)
    }

    /// What has arrived, and where.
    fn due(&mut self) -> Option<(Datagram, Option<Arc<Port>>)> {
        let first = self.parcels.first_entry()?;
        if first.key().0 > Instant::now() {
            return None;
        }
        let datagram = first.remove();
        let port = self.ports.get(&datagram.to).cloned();
        Some((datagram, port))
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}
