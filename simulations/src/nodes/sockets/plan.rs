//! What a seed means for those who are connected.

use std::ops::RangeInclusive;
use std::time::Duration;

use node::gateway::Knobs;

use super::pipe::{Fate, Nature};
use crate::chance::{Chance, Odds};
use crate::nodes::plan::SOCKETS;
use crate::scenario::Scenario;

/// How often a seed has sockets.
const HOW_OFTEN: Odds = Odds(200_000);

/// The classes of faults of connections, by the names that scenarios have for them.
pub const CLASSES: [&str; 7] = [CUT, SILENCE, LEAVE, HOP, STALL, LIES, CLOSE];

const CUT: &str = "socket-cut";
const SILENCE: &str = "socket-silence";
const LEAVE: &str = "socket-leave";
const HOP: &str = "socket-hop";
const STALL: &str = "socket-stall";
const LIES: &str = "socket-lies";
const CLOSE: &str = "socket-close";

/// Everything about sockets that is drawn before anything happens.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many users.
    pub users: usize,
    /// Whose each device is. The first ones are the first of each user.
    pub devices: Vec<usize>,
    /// What one device does while things go wrong, at most.
    pub deeds_max: u64,
    /// Deeds that go over a connection of their own, as a request of HTTP.
    pub http: Odds,
    /// Limits of the gateways.
    pub knobs: Knobs,
    /// What goes wrong.
    pub faults: Faults,
}

/// What goes wrong with connections: a class is off in half of all seeds that have sockets.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Bytes until a connection breaks, on average, if it does.
    pub cut_bytes: Option<u64>,
    /// Sides that go away without anybody being told.
    pub silent: Odds,
    /// Longest delay of some bytes, in microseconds.
    pub delay_micros: u64,
    /// Bytes that are on their way or wait to be read, at most.
    pub window: usize,
    /// Mean time until a device leaves by itself.
    pub leave: Option<Duration>,
    /// Mean time until a device leaves a channel, and comes back at once.
    pub hop: Option<Duration>,
    /// Mean time until a device reads nothing for a while.
    pub stall: Option<Duration>,
    /// Devices that come back with a position that never was.
    pub lies: Odds,
    /// Mean time between two gateways that end in order, and begin again.
    pub close: Option<Duration>,
}

impl Plan {
    /// What a seed means that is narrowed to a scenario; most have no sockets.
    pub fn new(seed: u64, scenario: &Scenario) -> Option<Self> {
        let mut chance = Chance::of(seed, "sockets: plan");
        let usual = chance.hits(HOW_OFTEN);
        if !scenario.workloads.as_ref().map_or(usual, |it| it.contains(SOCKETS)) {
            return None;
        }
        let users = size(&mut chance, 2..=5);
        let others = (0..users).filter(|_| chance.flips());
        let devices = (0..users).chain(others.collect::<Vec<_>>()).collect();
        let mut small = |usual: usize, max: u64| {
            let drawn = size(&mut chance, 1..=max);
            if chance.flips() { drawn } else { usual }
        };
        let usual = Knobs::default();
        let knobs = Knobs {
            recovered_max: small(usual.recovered_max, 30),
            // An item has a few hundred bytes, and up to two thousand more.
            outbox_bytes_max: 300 + small(usual.outbox_bytes_max, 10_000),
        };
        Some(Self {
            users,
            devices,
            deeds_max: chance.magnitude(5..=60),
            http: if chance.flips() { Odds(300_000) } else { Odds::NEVER },
            knobs,
            faults: Faults::new(&mut Chance::of(seed, "sockets: swarm"), scenario),
        })
    }
}

/// A number of things, of any magnitude.
fn size(chance: &mut Chance, range: RangeInclusive<u64>) -> usize {
    usize::try_from(chance.magnitude(range)).expect("small")
}

impl Faults {
    fn new(chance: &mut Chance, scenario: &Scenario) -> Self {
        let is_on = |chance: &mut Chance, class| scenario.has(class, chance.flips());
        let odds = |chance: &mut Chance, odds, class| {
            if is_on(chance, class) { Odds(odds) } else { Odds::NEVER }
        };
        let mean = |chance: &mut Chance, class| {
            let mean = Duration::from_millis(chance.magnitude(300..=10_000));
            is_on(chance, class).then_some(mean)
        };
        let cut_bytes = chance.magnitude(50..=50_000);
        let window = size(chance, 100..=100_000);
        Self {
            cut_bytes: is_on(chance, CUT).then_some(cut_bytes),
            silent: odds(chance, 500_000, SILENCE),
            delay_micros: chance.magnitude(100..=100_000),
            window,
            leave: mean(chance, LEAVE),
            hop: mean(chance, HOP),
            stall: mean(chance, STALL),
            lies: odds(chance, 100_000, LIES),
            close: mean(chance, CLOSE),
        }
    }

    /// The classes that happen.
    pub fn classes(&self) -> impl Iterator<Item = &'static str> {
        let Self { cut_bytes, silent, leave, hop, stall, lies, close, .. } = self;
        let is_on = [
            cut_bytes.is_some(),
            *silent != Odds::NEVER,
            leave.is_some(),
            hop.is_some(),
            stall.is_some(),
            *lies != Odds::NEVER,
            close.is_some(),
        ];
        CLASSES.into_iter().zip(is_on).filter_map(|(class, is_on)| is_on.then_some(class))
    }

    /// How the next connection behaves.
    pub fn nature(&self, chance: &mut Chance) -> Nature {
        let mut bytes = || self.cut_bytes.map_or(u64::MAX, |mean| 1 + chance.below(2 * mean));
        let bytes_max = (bytes(), bytes());
        let fates = [Fate::Deaf, Fate::Dead, Fate::Closed, Fate::Reset];
        let fate = if chance.hits(self.silent) {
            *chance.pick(&fates[..2])
        } else {
            *chance.pick(&fates[2..])
        };
        let is_silent = (chance.hits(self.silent), chance.hits(self.silent));
        let Self { delay_micros, window, .. } = *self;
        Nature { bytes_max, fate, delay_micros, window, is_silent }
    }
}

impl Nature {
    /// A connection with which nothing is wrong.
    pub fn calm() -> Self {
        Self {
            bytes_max: (u64::MAX, u64::MAX),
            fate: Fate::Closed,
            delay_micros: 1_000,
            window: 65_536,
            is_silent: (false, false),
        }
    }
}
