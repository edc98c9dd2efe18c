//! What a seed means: shards, limits, faults, workloads.

use std::collections::BTreeSet;
use std::time::Duration;

use cluster::executor::Knobs;
use cluster::memory::Telling;
use probe::{Mutant, Setting};

use super::sabotage::Sabotage;
use crate::chance::{Chance, Odds};
use crate::scenario::Scenario;
use crate::stir;
use crate::workloads::catalogue::{self, Guest, Shape};

/// Everything that is drawn before anything happens.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// How many shards.
    pub shards: u32,
    /// Limits of their executors.
    pub knobs: Knobs,
    /// How long things go wrong.
    pub lasting: Duration,
    /// What goes wrong.
    pub faults: Faults,
    /// Which workloads run.
    pub workloads: Vec<&'static str>,
    /// Commands of one workload while things go wrong, at most.
    pub calls_max: u64,
    /// Commands under an `Idempotency-Key` instead of a name of their gateway.
    pub keyed: Odds,
    /// How many gateways clients go through.
    pub gateways: u64,
    /// Above how many followers posts are pulled.
    pub pull_above_followers: u64,
    /// A workload that is not in the catalogue.
    pub guest: Option<Guest>,
    /// What is broken on purpose around the program.
    pub sabotage: Sabotage,
    /// What is moved in the program itself.
    pub setting: Setting,
    /// What the seed is narrowed to.
    pub scenario: Scenario,
}

/// What goes wrong: a class is off in half of all seeds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    /// The classes that happen.
    pub on: BTreeSet<&'static str>,
    /// Messages that are lost.
    pub loss: Odds,
    /// Messages that arrive twice.
    pub duplicate: Odds,
    /// Longest delay of a message, in microseconds.
    pub delay_micros: u64,
    /// Messages that arrive much later.
    pub late: Odds,
    /// Mean time between two shards being cut off.
    pub cut: Option<Duration>,
    /// Mean time between two crashes of executors.
    pub crash: Option<Duration>,
    /// Mean time between two executors being replaced without knowing.
    pub takeover: Option<Duration>,
    /// Mean time between two crashes of gateways.
    pub gateway_crash: Option<Duration>,
    /// Mean time between two jumps of clocks.
    pub clock: Option<Duration>,
    /// Farthest that a clock is wrong, in microseconds.
    pub clock_micros: u64,
    /// Mean time between two changes of what is in memory.
    pub cold: Option<Duration>,
    /// Records that are delayed.
    pub record_delay: Odds,
    /// Records that commit, and nobody is told.
    pub commit_unknown: Odds,
    /// Records that are dropped, and nobody is told.
    pub drop_unknown: Odds,
    /// Records before which somebody else takes the shard.
    pub rival: Odds,
    /// Completions that are told later, out of order.
    pub told_late: Odds,
    /// The order of completions.
    pub telling: Telling,
}

impl Plan {
    /// What a seed means.
    pub fn new(seed: u64) -> Self {
        Self::of(seed, &Scenario::default())
    }

    /// What a seed means when it is narrowed to a scenario.
    pub fn of(seed: u64, scenario: &Scenario) -> Self {
        let mut chance = Chance::of(seed, "plan");
        let names: Vec<_> = catalogue::NAMES.to_vec();
        let first = *chance.pick(&names);
        let others = names.iter().filter(|it| **it != first && chance.hits(Odds(200_000)));
        let workloads: Vec<_> = std::iter::once(first).chain(others.copied()).collect();
        let shards = u32::try_from(chance.within(1..=6)).expect("small");
        let lasting = chance.magnitude(2_000..=240_000);
        Self {
            seed,
            shards: scenario.shards.unwrap_or(shards),
            knobs: knobs(&mut Chance::of(seed, "knobs")),
            lasting: Duration::from_millis(scenario.lasting.unwrap_or(lasting)),
            faults: Faults::new(seed, scenario),
            workloads: scenario.workloads(&names, &workloads),
            calls_max: chance.magnitude(20..=240),
            keyed: *chance.pick(&[Odds::NEVER, Odds::NEVER, Odds(300_000), Odds(1_000_000)]),
            gateways: chance.within(1..=3),
            pull_above_followers: chance.within(256..=290),
            guest: None,
            sabotage: Sabotage::None,
            setting: stir::setting(seed, scenario),
            scenario: scenario.clone(),
        }
    }

    /// What its workloads have to know.
    pub fn shape(&self) -> Shape {
        let Self { shards, pull_above_followers, guest, .. } = *self;
        Shape { shards, pull_above_followers, guest }
    }

    /// The same with one workload that is not in the catalogue, and no other.
    #[must_use]
    pub fn of_guest(self, guest: Guest) -> Self {
        Self { workloads: vec![guest.name], guest: Some(guest), ..self }
    }

    /// What it is narrowed to, with all that the seed says of workloads, faults, points and knobs.
    pub fn explicit(&self) -> Scenario {
        Scenario {
            workloads: Some(self.workloads.iter().map(|it| (*it).to_owned()).collect()),
            faults: Some(self.faults.on.iter().map(|it| (*it).to_owned()).collect()),
            points: Some(self.setting.points.keys().map(|it| it.name().to_owned()).collect()),
            knobs: Some(self.setting.knobs.keys().map(|it| it.name().to_owned()).collect()),
            lasting: u64::try_from(self.lasting.as_millis()).ok(),
            ..self.scenario.clone()
        }
    }

    /// The same world with something broken on purpose.
    #[must_use]
    pub fn with(mut self, mutant: Mutant) -> Self {
        self.setting.mutant = Some(mutant);
        self
    }
}

/// Longest delay of a message when nothing goes wrong, in microseconds.
const DELAY_MICROS: u64 = 500;

/// The classes of faults.
pub const CLASSES: [&str; 16] = [
    "loss",
    "duplicate",
    "delay",
    "late",
    "cut",
    "crash",
    "takeover",
    "gateway-crash",
    "clock",
    "cold",
    "record-delay",
    "commit-unknown",
    "drop-unknown",
    "rival",
    "told-late",
    "reversed",
];

impl Faults {
    fn new(seed: u64, scenario: &Scenario) -> Self {
        let mut swarm = Chance::of(seed, "swarm");
        let is_on = |class: &&str| {
            let usual = swarm.flips();
            scenario.has(class, usual)
        };
        let on: BTreeSet<_> = CLASSES.into_iter().filter(is_on).collect();
        let strong = Self::strong(&mut Chance::of(seed, "strength"), |class| on.contains(class));
        Self { on, ..strong }
    }

    /// How strong a class is does not depend on which others are on.
    fn strong(chance: &mut Chance, has: impl Fn(&str) -> bool) -> Self {
        let mean = |chance: &mut Chance, class: &str| {
            let mean = Duration::from_millis(chance.magnitude(200..=20_000));
            has(class).then_some(mean)
        };
        let odds = |chance: &mut Chance, class: &str, max: u64| {
            let odds = u32::try_from(chance.magnitude(1_000..=max)).expect("at most a million");
            if has(class) { Odds(odds) } else { Odds::NEVER }
        };
        let delay_micros = chance.magnitude(100..=100_000);
        Self {
            on: BTreeSet::new(),
            loss: odds(chance, "loss", 300_000),
            duplicate: odds(chance, "duplicate", 200_000),
            delay_micros: if has("delay") { delay_micros } else { DELAY_MICROS },
            late: odds(chance, "late", 50_000),
            cut: mean(chance, "cut"),
            crash: mean(chance, "crash"),
            takeover: mean(chance, "takeover"),
            gateway_crash: mean(chance, "gateway-crash").map(|it| 4 * it),
            clock: mean(chance, "clock"),
            clock_micros: chance.magnitude(1_000..=20_000_000),
            cold: mean(chance, "cold"),
            record_delay: odds(chance, "record-delay", 500_000),
            commit_unknown: odds(chance, "commit-unknown", 30_000),
            drop_unknown: odds(chance, "drop-unknown", 30_000),
            rival: odds(chance, "rival", 30_000),
            told_late: odds(chance, "told-late", 300_000),
            telling: if has("reversed") { Telling::Reversed } else { Telling::InOrder },
        }
    }

    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self { delay_micros: DELAY_MICROS, ..Self::default() }
    }
}

/// Limits, each of them small in half of all seeds.
fn knobs(chance: &mut Chance) -> Knobs {
    let usual = Knobs::default();
    let mut small = |usual: usize, min: u64, max: u64| {
        let drawn = usize::try_from(chance.magnitude(min..=max)).expect("small");
        if chance.flips() { drawn } else { usual }
    };
    let outbox_bytes_soft = small(usual.outbox_bytes_soft, 256, 65_536);
    let outbox_bytes_hard = outbox_bytes_soft * small(4, 1, 4);
    Knobs {
        queue_max: small(usual.queue_max, 2, 64),
        batch_commands_max: small(usual.batch_commands_max, 1, 16),
        batch_bytes: small(usual.batch_bytes, 1, 8_192),
        batch_commands_eager: small(usual.batch_commands_eager, 1, 16),
        record_pace: Duration::from_micros(small(5_000, 1, 50_000) as u64),
        record_company: small(usual.record_company, 1, 8),
        records_in_flight_max: small(8, 1, 8) as u64,
        step_commands_max: small(usual.step_commands_max, 1, 32),
        outbox_bytes_soft,
        outbox_bytes_hard,
        link_window: small(usual.link_window, 1, 8),
        link_turn: small(usual.link_turn, 1, 8),
        live_max: small(usual.live_max, 1, 32),
        removals_gathered_max: small(usual.removals_gathered_max, 1, 64),
        wake_ups_max: small(usual.wake_ups_max, 8, 256),
        load_rows: small(usual.load_rows, 1, 32),
    }
}
