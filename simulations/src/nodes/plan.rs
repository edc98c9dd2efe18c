//! What a seed means: nodes, shards, limits, faults, workloads.

use std::time::Duration;

use cluster::executor::Knobs;
use cluster::mutant::Mutant;
use raft::timing::Timing;

use super::sockets;
use crate::chance::{Chance, Odds};
use crate::workloads::catalogue::Guest;

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
    /// Whether a node, one that can be missed, never comes back.
    pub loses_one: bool,
    /// Above how many followers posts are pulled.
    pub pull_above_followers: u64,
    /// A workload that is not in the catalogue.
    pub guest: Option<Guest>,
    /// A node that is silent for so long holds nothing any more.
    pub replace_after: Duration,
    /// Bytes of a log above which it is shortened.
    pub log_bytes_max: u64,
}

impl Plan {
    /// The same world with something broken on purpose.
    #[must_use]
    pub fn with(mut self, mutant: Mutant) -> Self {
        self.break_by(Some(mutant));
        self
    }

    /// The same world with one workload that is not in the catalogue, and no other.
    #[must_use]
    pub fn of_guest(self, guest: Guest) -> Self {
        Self { workloads: vec![guest.name], guest: Some(guest), ..self }
    }

    /// The names of all that runs.
    pub fn names(&self) -> Vec<&'static str> {
        let sockets = self.sockets.as_ref().map(|_| "sockets");
        self.workloads.iter().copied().chain(sockets).collect()
    }

    /// Breaks something on purpose, or nothing.
    pub fn break_by(&mut self, mutant: Option<Mutant>) {
        self.knobs.mutant = mutant;
        if let Some(sockets) = &mut self.sockets {
            sockets.knobs.mutant = mutant;
        }
    }
}

/// What goes wrong: a class is off in half of all seeds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    /// Messages that are lost.
    pub loss: Odds,
    /// Longest delay of a message, in microseconds.
    pub delay_micros: u64,
    /// Longest fsync, in microseconds. A few take ten times as long.
    pub sync_micros: u64,
    /// Fastest or slowest clock, in millionths.
    pub drift: i32,
    /// Farthest that a clock is wrong, in microseconds.
    pub skew_micros: u64,
    /// Mean time between two kills of nodes.
    pub kill: Option<Duration>,
    /// Kills of which the node is told before, so that it gives away what it leads.
    pub announced: Odds,
    /// Nodes that are started again with a broken byte in their log, or broken rows.
    pub rot: Odds,
    /// Mean time between two pauses of nodes.
    pub pause: Option<Duration>,
    /// Mean time between two cuts of the network.
    pub cut: Option<Duration>,
    /// Mean time between two hand-overs of a shard.
    pub hand_over: Option<Duration>,
    /// Mean time between two records that are proposed once more.
    pub echo: Option<Duration>,
    /// Mean time between two changes of what nodes are to hold.
    pub weigh: Option<Duration>,
    /// Mean time between two disks that are nearly full.
    pub fill: Option<Duration>,
    /// Mean time until rows rot while a node runs.
    pub decay: Option<Duration>,
    /// Mean time between two copies whose replication ends and is begun again.
    pub stumble: Option<Duration>,
}

/// What runs here. Wake-ups of a minute are left to the world of executors: an hour of heartbeats
/// proves nothing more.
const WORKLOADS: [&str; 7] =
    ["accounts", "bank", "counter", "feeds", "follows", "posts", "register"];

impl Plan {
    /// What a seed means.
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "nodes: plan");
        let nodes = *chance.pick(&[1, 2, 3, 3, 3, 3, 3, 4, 5, 5]);
        let copies = match nodes {
            1 => 1,
            5 => *chance.pick(&[3, 5]),
            _ => 3,
        };
        let first = *chance.pick(&WORKLOADS);
        let others = WORKLOADS.iter().filter(|it| **it != first && chance.hits(Odds(200_000)));
        let workloads = std::iter::once(first).chain(others.copied()).collect();
        let faults = Faults::new(&mut Chance::of(seed, "nodes: swarm"));
        Self {
            seed,
            nodes,
            shards: u32::try_from(chance.within(1..=4)).expect("small"),
            copies,
            knobs: knobs(&mut Chance::of(seed, "nodes: knobs")),
            timing: timing(&mut chance),
            segment_bytes: chance.magnitude(4_000..=1_000_000),
            lasting: Duration::from_millis(chance.magnitude(2_000..=30_000)),
            faults,
            workloads,
            sockets: sockets::plan::Plan::new(seed),
            calls_max: chance.magnitude(20..=200),
            keyed: *chance.pick(&[Odds::NEVER, Odds(300_000), Odds(1_000_000)]),
            are_loyal: Chance::of(seed, "nodes: loyalty").flips(),
            loses_one: nodes >= 3 && copies >= 3 && chance.hits(Odds(300_000)),
            pull_above_followers: chance.within(256..=290),
            guest: None,
            replace_after: Duration::from_millis(chance.magnitude(2_000..=60_000)),
            log_bytes_max: chance.magnitude(10_000..=10_000_000),
        }
    }

    /// Three nodes, four shards, a minute of calls, and the faults of the seed: for figures.
    pub fn usual(seed: u64) -> Self {
        let plan = Self::new(seed);
        Self {
            nodes: 3,
            shards: 4,
            copies: 3,
            lasting: Duration::from_mins(1),
            calls_max: 500,
            loses_one: false,
            ..plan
        }
    }
}

impl Faults {
    fn new(chance: &mut Chance) -> Self {
        let mean = |chance: &mut Chance| {
            let mean = Duration::from_millis(chance.magnitude(500..=20_000));
            chance.flips().then_some(mean)
        };
        let mut odds = |max: u32| {
            let odds = u32::try_from(chance.magnitude(1_000..=u64::from(max))).expect("small");
            if chance.flips() { Odds(odds) } else { Odds::NEVER }
        };
        let (loss, rot) = (odds(200_000), odds(300_000));
        Self {
            loss,
            delay_micros: chance.magnitude(500..=40_000),
            sync_micros: chance.magnitude(200..=20_000),
            drift: if chance.flips() { 20_000 } else { 0 },
            skew_micros: if chance.flips() { chance.magnitude(1_000..=5_000_000) } else { 0 },
            kill: mean(chance),
            announced: Odds(300_000),
            rot,
            pause: mean(chance),
            cut: mean(chance),
            hand_over: mean(chance),
            echo: mean(chance),
            weigh: mean(chance),
            fill: mean(chance),
            decay: mean(chance),
            stumble: mean(chance),
        }
    }

    /// What never stops, even when nothing goes wrong any more.
    #[must_use]
    pub fn calm(&self) -> Self {
        let (drift, skew_micros) = (self.drift, 0);
        Self { drift, skew_micros, delay_micros: 1_000, sync_micros: 1_000, ..Self::default() }
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
