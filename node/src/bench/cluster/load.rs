//! Founds a cluster, drives commands through it or leaves it alone, and tells what it took.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;
use std::{fmt, io};

use cluster::request::Failure;
use raft::timing::Timing;
use tokio::sync::mpsc::unbounded_channel;

use super::clients::Crew;
use super::nodes::Nodes;
use super::tally::{Counts, Tally};
use crate::assembly::StartError;
use crate::bench::figure::{Figure, as_float};
use crate::bench::scratch::Scratch;
use crate::world::Used;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Load {
    /// How many nodes.
    pub nodes: u32,
    /// How many shards besides the meta group.
    pub shards: u32,
    /// Copies of each.
    pub copies: u8,
    /// Threads of each node that run groups and shards.
    pub threads: usize,
    /// Clients, each of which waits for one command. None: it is measured what idling costs.
    pub in_flight: u64,
    /// Entities that commands go to.
    pub entities: u64,
    /// How long is measured.
    pub lasting: Duration,
    /// Time and sizes of the groups.
    pub timing: Timing,
    /// Whether messages go over QUIC and not through queues.
    pub is_quic: bool,
    /// Where everything is stored. None: somewhere, and removed afterwards.
    pub folder: Option<PathBuf>,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            nodes: 3,
            shards: 32,
            copies: 3,
            threads: 1,
            in_flight: 512,
            entities: 10_000,
            lasting: Duration::from_secs(10),
            timing: Timing::default(),
            is_quic: false,
            folder: None,
        }
    }
}

/// Why nothing was measured.
#[derive(Debug)]
pub enum BenchError {
    /// A node does not start.
    Start(StartError),
    /// As the system has it.
    Io(io::Error),
    /// A shard does not answer through a node.
    Silent {
        /// Which shard.
        shard: u32,
        /// Through which node.
        node: usize,
        /// What was said last.
        last: Option<Failure>,
    },
}

/// How long nothing is measured at first: names are learned, memory grows.
const WARM_UP: Duration = Duration::from_secs(3);

/// How long a cluster that was founded is left alone before it counts as idle.
const CALM_DOWN: Duration = Duration::from_secs(5);

/// Runs a load on a cluster of its own. Call it outside of every runtime.
///
/// # Errors
///
/// [`BenchError`]
pub fn run(load: &Load) -> Result<Vec<Figure>, BenchError> {
    match &load.folder {
        Some(folder) => run_in(load, folder),
        None => run_in(load, Scratch::new()?.path()),
    }
}

fn run_in(load: &Load, folder: &Path) -> Result<Vec<Figure>, BenchError> {
    let tally = Arc::new(Tally::default());
    let nodes = Nodes::start(load, folder, &tally)?;
    nodes.found(load)?;
    let figures = if load.in_flight == 0 {
        sleep(CALM_DOWN);
        idle(load, &measure(load, &tally))
    } else {
        drive(load, &nodes, &tally)
    };
    nodes.stop();
    Ok(figures)
}

/// What was used and done in a while.
struct Spent {
    used: Used,
    counts: Counts,
}

fn measure(load: &Load, tally: &Tally) -> Spent {
    let before = (Used::by_process(), tally.counts());
    sleep(load.lasting);
    let used = Used::by_process().since(before.0);
    Spent { used, counts: tally.counts() - before.1 }
}

impl Spent {
    fn rate(&self, count: u64) -> f64 {
        as_float(count) / self.used.wall.as_secs_f64()
    }

    fn cores_percent(&self) -> f64 {
        100.0 * self.used.cpu.as_secs_f64() / self.used.wall.as_secs_f64()
    }
}

fn idle(load: &Load, spent: &Spent) -> Vec<Figure> {
    vec![
        figure("groups", f64::from(load.shards) + 1.0, "1"),
        figure("idle_cpu", spent.cores_percent(), "% of a core"),
        figure("idle_messages", spent.rate(spent.counts.messages), "1/s"),
        figure("idle_fsyncs", spent.rate(spent.counts.syncs), "1/s"),
    ]
}

fn drive(load: &Load, nodes: &Nodes, tally: &Arc<Tally>) -> Vec<Figure> {
    let crew = Arc::new(Crew {
        entities: load.entities,
        clients: load.in_flight,
        tally: Arc::clone(tally),
        is_measured: AtomicBool::new(false),
        is_over: AtomicBool::new(false),
    });
    let (told, mut heard) = unbounded_channel();
    let places = nodes.running.iter().zip(&nodes.clients).cycle();
    for (number, (running, client)) in (0..load.in_flight).zip(places) {
        let _entered = running.handle().enter();
        let place = (client.clone(), running.home().clone());
        running.home().spawn(Arc::clone(&crew).work(number, place, told.clone()));
    }
    drop(told);
    sleep(WARM_UP);
    crew.is_measured.store(true, Ordering::Relaxed);
    let spent = measure(load, tally);
    crew.is_measured.store(false, Ordering::Relaxed);
    crew.is_over.store(true, Ordering::Relaxed);
    let mut lasted = Vec::new();
    while let Some(more) = heard.blocking_recv() {
        lasted.extend(more);
    }
    lasted.sort_unstable();
    figures(load, &spent, &lasted)
}

/// `lasted` says in order how long commands took.
fn figures(load: &Load, spent: &Spent, lasted: &[Duration]) -> Vec<Figure> {
    let Counts { commands, errors, messages, records, applies, syncs } = spent.counts;
    let cpu_us = spent.used.cpu.as_secs_f64() * 1e6;
    let millis = |it: Duration| it.as_secs_f64() * 1e3;
    let total: f64 = lasted.iter().copied().map(millis).sum();
    let late = lasted.get(lasted.len() * 99 / 100).copied().unwrap_or_default();
    let copies = f64::from(load.copies);
    let per = |count: u64, of: u64| as_float(count) / as_float(of.max(1));
    vec![
        figure("rate", spent.rate(commands), "1/s"),
        figure("cpu_us_per_op", cpu_us / as_float(commands.max(1)), "us"),
        figure("cpu", spent.cores_percent(), "% of a core"),
        figure("latency_mean", total / as_float(lasted.len().max(1) as u64), "ms"),
        figure("latency_p99", millis(late), "ms"),
        figure("records", spent.rate(records) / copies, "1/s"),
        figure("ops_per_record", copies * per(commands, records), "1"),
        figure("records_per_apply", per(records, applies), "1"),
        figure("messages_per_op", per(messages, commands), "1"),
        figure("fsyncs", spent.rate(syncs), "1/s"),
        figure("errors", as_float(errors), "1"),
    ]
}

fn figure(metric: &'static str, value: f64, unit: &'static str) -> Figure {
    Figure::new("cluster", metric, value, unit)
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Silent { shard, node, last } => {
                write!(f, "shard {shard} does not answer through node {node}: {last:?}")
            }
        }
    }
}

impl std::error::Error for BenchError {}

impl From<StartError> for BenchError {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl From<io::Error> for BenchError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
