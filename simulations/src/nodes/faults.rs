//! What goes wrong among nodes, and how much of it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::chance::{Chance, Odds};
use crate::scenario::Scenario;

/// A class of faults: it is off in half of all seeds, or more.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// Messages are lost.
    Loss,
    /// Messages are delayed.
    Delay,
    /// Fsyncs take long.
    SlowSync,
    /// Clocks run fast or slow.
    Drift,
    /// Clocks are wrong.
    Skew,
    /// Machines lose power.
    Kill,
    /// Some are told before, so that they give away what they lead.
    Announced,
    /// They come back with rotten bytes.
    Rot,
    /// Nodes stand still.
    Pause,
    /// Nodes do not hear others.
    Cut,
    /// Shards are handed over.
    HandOver,
    /// Records are proposed once more.
    Echo,
    /// Nodes are to hold more or less.
    Weigh,
    /// Disks are nearly full.
    Fill,
    /// Rows rot while a node runs.
    Decay,
    /// Copies begin again in the same process.
    Stumble,
    /// Several machines lose power in one moment.
    BlackOut,
    /// A disk is lost.
    Wipe,
    /// When nothing goes wrong any more, nodes that can be missed stay broken for ever.
    Lose,
    /// Messages overtake others of their lane.
    Overtake,
    /// Nodes are cut off one after the other, and hear again in another order.
    Swizzle,
    /// Disks fail: an fsync does, or a write that does not fit any more, or rows are not written.
    DiskError,
    /// A disk stands still for seconds.
    Stall,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 23] = [
        Self::Loss,
        Self::Delay,
        Self::SlowSync,
        Self::Drift,
        Self::Skew,
        Self::Kill,
        Self::Announced,
        Self::Rot,
        Self::Pause,
        Self::Cut,
        Self::HandOver,
        Self::Echo,
        Self::Weigh,
        Self::Fill,
        Self::Decay,
        Self::Stumble,
        Self::BlackOut,
        Self::Wipe,
        Self::Lose,
        Self::Overtake,
        Self::Swizzle,
        Self::DiskError,
        Self::Stall,
    ];

    /// Its name, in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Delay => "delay",
            Self::SlowSync => "slow-sync",
            Self::Drift => "drift",
            Self::Skew => "skew",
            Self::Kill => "kill",
            Self::Announced => "announced",
            Self::Rot => "rot",
            Self::Pause => "pause",
            Self::Cut => "cut",
            Self::HandOver => "hand-over",
            Self::Echo => "echo",
            Self::Weigh => "weigh",
            Self::Fill => "fill",
            Self::Decay => "decay",
            Self::Stumble => "stumble",
            Self::BlackOut => "black-out",
            Self::Wipe => "wipe",
            Self::Lose => "lose",
            Self::Overtake => "overtake",
            Self::Swizzle => "swizzle",
            Self::DiskError => "disk-error",
            Self::Stall => "stall",
        }
    }

    fn odds(self) -> Odds {
        match self {
            Self::BlackOut | Self::Wipe | Self::Swizzle | Self::DiskError | Self::Stall => {
                Odds(250_000)
            }
            Self::Delay | Self::SlowSync => Odds(900_000),
            Self::Loss
            | Self::Drift
            | Self::Skew
            | Self::Kill
            | Self::Announced
            | Self::Rot
            | Self::Pause
            | Self::Cut
            | Self::HandOver
            | Self::Echo
            | Self::Weigh
            | Self::Fill
            | Self::Decay
            | Self::Stumble
            | Self::Lose
            | Self::Overtake => Odds(500_000),
        }
    }
}

/// What goes wrong, and how much of it. How strong a class is does not depend on which others are on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    on: BTreeSet<Class>,
    /// Messages that are lost.
    pub loss: Odds,
    /// Messages that do not wait for those of their lane.
    pub overtaking: Odds,
    /// Longest delay of a message, in microseconds.
    pub delay_micros: u64,
    /// Longest fsync, in microseconds. A few take ten times as long.
    pub sync_micros: u64,
    /// Fastest or slowest clock, in millionths.
    pub drift: i32,
    /// Farthest that a clock is wrong, in microseconds.
    pub skew_micros: u64,
    /// Kills of which the node is told before, so that it gives away what it leads.
    pub announced: Odds,
    /// Nodes that are started again with a broken byte in their log, or broken rows.
    pub rot: Odds,
    /// Mean time between two faults of a class that comes again and again.
    means: Vec<(Class, Duration)>,
}

/// What is usual.
const QUICK_MICROS: u64 = 1_000;

impl Faults {
    /// What goes wrong in a seed that is narrowed to a scenario.
    pub fn new(seed: u64, scenario: &Scenario) -> Self {
        let mut strength = Chance::of(seed, "nodes: strength");
        let mut odds = |max: u64| {
            Odds(u32::try_from(strength.magnitude(1_000..=max)).expect("at most a million"))
        };
        let (loss, rot) = (odds(200_000), odds(300_000));
        let overtaking = odds(200_000);
        let delay_micros = strength.magnitude(500..=40_000);
        let sync_micros = strength.magnitude(200..=20_000);
        let skew_micros = strength.magnitude(1_000..=5_000_000);
        let means = Class::ALL.map(|class| {
            let mean = Duration::from_millis(strength.magnitude(500..=20_000));
            (class, mean)
        });
        let mut swarm = Chance::of(seed, "nodes: swarm");
        let is_on = |class: &Class| {
            let usual = swarm.hits(class.odds());
            scenario.has(class.name(), usual)
        };
        let on: BTreeSet<_> = Class::ALL.into_iter().filter(is_on).collect();
        let has = |class: Class| on.contains(&class);
        Self {
            loss: if has(Class::Loss) { loss } else { Odds::NEVER },
            overtaking: if has(Class::Overtake) { overtaking } else { Odds::NEVER },
            delay_micros: if has(Class::Delay) { delay_micros } else { QUICK_MICROS },
            sync_micros: if has(Class::SlowSync) { sync_micros } else { QUICK_MICROS },
            drift: if has(Class::Drift) { 20_000 } else { 0 },
            skew_micros: if has(Class::Skew) { skew_micros } else { 0 },
            announced: if has(Class::Announced) { Odds(300_000) } else { Odds::NEVER },
            rot: if has(Class::Rot) { rot } else { Odds::NEVER },
            means: means.into_iter().filter(|(class, _)| has(*class)).collect(),
            on,
        }
    }

    /// Whether a class happens.
    pub fn has(&self, class: Class) -> bool {
        self.on.contains(&class)
    }

    /// The classes that happen.
    pub fn classes(&self) -> impl Iterator<Item = Class> {
        self.on.iter().copied()
    }

    /// Mean time between two faults of a class, if it happens.
    pub fn mean(&self, class: Class) -> Option<Duration> {
        self.means.iter().find(|(it, _)| *it == class).map(|(_, mean)| *mean)
    }

    /// The same, and of each kill the node is told before.
    #[must_use]
    pub fn announcing(self) -> Self {
        Self { announced: Odds(1_000_000), ..self }
    }

    /// What never stops, even when nothing goes wrong any more.
    #[must_use]
    pub fn calm(&self) -> Self {
        let (delay_micros, sync_micros) = (QUICK_MICROS, QUICK_MICROS);
        Self { drift: self.drift, delay_micros, sync_micros, ..Self::default() }
    }
}
