//! What a seed means: nodes, shards, limits, faults, workloads.

use std::time::Duration;

use cluster::executor::Knobs;
use probe::{Mutant, Setting};
use raft::timing::Timing;

use super::faults::{Class, Faults};
use super::sockets;
use crate::chance::{Chance, Odds};
use crate::scenario::Scenario;
use crate::stir;
use crate::workloads::catalogue::{Guest, Shape};

/// Everything that is drawn before anything happens.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// How many nodes.
    pub nodes: u32,
    /// How many shards, beside the meta group.
    pub shards: u32,
    /// How many copies of each.
    pub copies: u8,
    /// Limits of the executors.
    pub knobs: Knobs,
    /// Time and sizes of the groups.
    pub timing: Timing,
    /// Bytes of a segment of the log.
    pub segment_bytes: u64,
    /// How long things go wrong.
    pub lasting: Duration,
    /// What goes wrong.
    pub faults: Faults,
    /// Which workloads run.
    pub workloads: Vec<&'static str>,
    /// Who is connected, if anybody is.
    pub sockets: Option<sockets::plan::Plan>,
    /// Commands of one workload while things go wrong, at most.
    pub calls_max: u64,
    /// Commands under an `Idempotency-Key` instead of a name of their node.
    pub keyed: Odds,
    /// Whether clients stay with one node each as long as it answers.
    pub are_loyal: bool,
    /// Whether nodes that can be missed stay broken for ever.
    pub loses_some: bool,
    /// Above how many followers posts are pulled.
    pub pull_above_followers: u64,
    /// A workload that is not in the catalogue.
    pub guest: Option<Guest>,
    /// A node that is silent for so long holds nothing any more.
    pub replace_after: Duration,
    /// Bytes of a log above which it is shortened.
    pub log_bytes_max: u64,
    /// What is moved in the program itself.
    pub setting: Setting,
    /// What the seed is narrowed to.
    pub scenario: Scenario,
}

impl Plan {
    /// What it is narrowed to, with all that the seed says of workloads, faults, points and knobs.
    pub fn explicit(&self) -> Scenario {
        Scenario {
            workloads: Some(self.names().into_iter().map(str::to_owned).collect()),
            faults: Some(self.classes().map(str::to_owned).collect()),
            points: Some(self.setting.points.keys().map(|it| it.name().to_owned()).collect()),
            knobs: Some(self.setting.knobs.keys().map(|it| it.name().to_owned()).collect()),
            lasting: u64::try_from(self.lasting.as_millis()).ok(),
            ..self.scenario.clone()
        }
    }

    /// The names of all classes of faults that happen.
    fn classes(&self) -> impl Iterator<Item = &'static str> {
        let of_sockets = self.sockets.iter().flat_map(|it| it.faults.classes());
        self.faults.classes().map(Class::name).chain(of_sockets)
    }

    /// The same world with something broken on purpose.
    #[must_use]
    pub fn with(mut self, mutant: Mutant) -> Self {
        self.setting.mutant = Some(mutant);
        self
    }

    /// What its workloads have to know.
    pub fn shape(&self) -> Shape {
        let Self { shards, pull_above_followers, guest, .. } = *self;
        Shape { shards, pull_above_followers, guest }
    }

    /// The same world with one workload that is not in the catalogue, and no other.
    #[must_use]
    pub fn of_guest(self, guest: Guest) -> Self {
        Self { workloads: vec![guest.name], guest: Some(guest), ..self }
    }

    /// The names of all that runs.
    pub fn names(&self) -> Vec<&'static str> {
        let sockets = self.sockets.as_ref().map(|_| SOCKETS);
        self.workloads.iter().copied().chain(sockets).collect()
    }
}

/// The workload of those who are connected.
pub const SOCKETS: &str = "sockets";

/// What runs here. Wake-ups of a minute are left to the world of executors: an hour of heartbeats
/// proves nothing more.
const WORKLOADS: [&str; 8] =
    ["accounts", "bank", "counter", "feeds", "follows", "letters", "posts", "register"];

impl Plan {
    /// What a seed means.
    pub fn new(seed: u64) -> Self {
        Self::of(seed, &Scenario::default())
    }

    /// What a seed means when it is narrowed to a scenario.
    pub fn of(seed: u64, scenario: &Scenario) -> Self {
        let mut chance = Chance::of(seed, "nodes: plan");
        let drawn = *chance.pick(&[1, 2, 3, 3, 3, 3, 3, 4, 5, 6, 7]);
        let nodes = scenario.nodes.unwrap_or(drawn);
        let copies = match nodes {
            1 => 1,
            5.. => *chance.pick(&[3, 5]),
            _ => 3,
        };
        let first = *chance.pick(&WORKLOADS);
        let others = WORKLOADS.iter().filter(|it| **it != first && chance.hits(Odds(200_000)));
        let workloads: Vec<_> = std::iter::once(first).chain(others.copied()).collect();
        let faults = Faults::new(seed, scenario);
        let lasting = chance.magnitude(2_000..=30_000);
        let shards = u32::try_from(chance.within(1..=4)).expect("small");
        Self {
            seed,
            nodes,
            shards: scenario.shards.unwrap_or(shards),
            copies,
            knobs: knobs(&mut Chance::of(seed, "nodes: knobs")),
            timing: timing(&mut chance),
            segment_bytes: chance.magnitude(4_000..=1_000_000),
            lasting: Duration::from_millis(scenario.lasting.unwrap_or(lasting)),
            loses_some: nodes >= 3 && copies >= 3 && faults.has(Class::Lose),
            faults,
            workloads: scenario.workloads(&WORKLOADS, &workloads),
            sockets: sockets::plan::Plan::new(seed, scenario),
            are_loyal: Chance::of(seed, "nodes: loyalty").flips(),
            calls_max: chance.magnitude(20..=200),
            keyed: *chance.pick(&[Odds::NEVER, Odds(300_000), Odds(1_000_000)]),
            pull_above_followers: chance.within(256..=290),
            guest: None,
            replace_after: Duration::from_millis(chance.magnitude(2_000..=60_000)),
            log_bytes_max: chance.magnitude(10_000..=10_000_000),
            setting: stir::setting(seed, scenario),
            scenario: scenario.clone(),
        }
    }

    /// Three nodes, four shards, a minute of calls, and the faults of the seed: for figures.
    pub fn usual(seed: u64, scenario: &Scenario) -> Self {
        let plan = Self::of(seed, scenario);
        Self {
            nodes: scenario.nodes.unwrap_or(3),
            shards: 4,
            copies: 3,
            lasting: Duration::from_mins(1),
            calls_max: 500,
            loses_some: false,
            ..plan
        }
    }
}

fn timing(chance: &mut Chance) -> Timing {
    Timing {
        snapshot_entries: chance.magnitude(8..=2_000),
        kept_entries: chance.magnitude(1..=200),
        append_entries: chance.magnitude(1..=512),
        ..Timing::default()
    }
}

/// Limits, each of them small in half of all seeds.
fn knobs(chance: &mut Chance) -> Knobs {
    let usual = Knobs::default();
    let mut small = |usual: usize, min: u64, max: u64| {
        let drawn = usize::try_from(chance.magnitude(min..=max)).expect("small");
        if chance.flips() { drawn } else { usual }
    };
    let outbox_bytes_soft = small(usual.outbox_bytes_soft, 4_096, 65_536);
    Knobs {
        queue_max: small(usual.queue_max, 4, 64),
        batch_commands_max: small(usual.batch_commands_max, 1, 16),
        batch_bytes: small(usual.batch_bytes, 1, 8_192),
        batch_commands_eager: small(usual.batch_commands_eager, 1, 16),
        record_pace: Duration::from_micros(small(5_000, 1, 50_000) as u64),
        record_company: small(usual.record_company, 1, 8),
        records_in_flight_max: small(8, 1, 8) as u64,
        step_commands_max: small(usual.step_commands_max, 1, 32),
        outbox_bytes_soft,
        outbox_bytes_hard: 4 * outbox_bytes_soft,
        link_window: small(usual.link_window, 1, 8),
        live_max: small(usual.live_max, 1, 32),
        removals_gathered_max: small(usual.removals_gathered_max, 1, 64),
        load_rows: small(usual.load_rows, 1, 32),
        ..usual
    }
}
