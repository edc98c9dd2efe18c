//! A node with much data is killed and comes back: how long until it has everything again, and what
//! clients notice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::latency::Latencies;
use super::map::{Copies, Map, Until};
use super::nodes::{Nodes, PAUSE};
use super::pace::Pace;
use super::spawned::Spawned;
use super::target::{ServedError, Target};
use super::way::{Told, Way, Write};
use crate::bench::figure::{Figure, as_float};
use crate::bench::progress::Progress;
use crate::probe::VALUE_BYTES_MAX;
use crate::world;

/// Clients, each of which waits for one command.
const CLIENTS: u64 = 64;

/// How long nothing is measured at first: what was written is still being moved from the log to rows.
const WARM_UP: Duration = Duration::from_secs(15);

/// How long is measured before the kill.
const CALM: Duration = Duration::from_secs(20);

/// Before the kill: what was asked then may have been under way, and is neither calm nor after it.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// How long a kill itself is felt: `failover` measures that.
const FAILOVER: Duration = Duration::from_secs(3);

/// How long is measured after everything is there again.
const AFTER: Duration = Duration::from_secs(10);

/// Longest that a node may take: a minute more than is ever reported as good.
const LASTING_MAX: Duration = Duration::from_mins(5);

/// Between two looks at the copies.
const LOOK: Duration = Duration::from_millis(100);

/// Kills a node that holds much data, of a cluster that is started for this, while commands come at a
/// fixed rate.
#[derive(Args, Clone, Debug)]
pub(in crate::bench) struct Restart {
    #[command(flatten)]
    target: Target,
    /// Data that is written before, in MiB. Every node holds a copy.
    #[arg(long, value_name = "MIB", default_value_t = 1_024,
          value_parser = clap::value_parser!(u64).range(1..=65_536))]
    data: u64,
    /// Commands per second while it is measured.
    #[arg(long, value_name = "NUMBER", default_value_t = 500,
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
}

/// A command that was done: when it was due, and when it was acknowledged.
type Done = (Instant, Instant);

/// When what happened.
struct Times {
    killed: Instant,
    back: Instant,
    caught_up: Instant,
}

impl Restart {
    /// Measures.
    pub(in crate::bench) async fn run(
        &self,
        progress: &Progress,
    ) -> Result<Vec<Figure>, ServedError> {
        let mut cluster = self.target.open(progress).await?;
        let Some(mut spawned) = cluster.spawned.take() else {
            let what = "name a number of nodes with --spawn: a process of it is killed";
            return Err(ServedError::Other(what.to_owned()));
        };
        let (urls, heard) = watch::channel(spawned.urls());
        let nodes = Nodes { token: cluster.token.clone(), urls: heard };
        fill(&nodes, self.data * 1_024 * 1_024, progress).await?;
        let pace = Arc::new(Pace::new(Some(self.rate), WARM_UP, CALM + LASTING_MAX));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(work(nodes.clone(), Arc::clone(&pace)));
        }
        progress.sleep("warming up", WARM_UP).await;
        progress.sleep("measuring before the kill", CALM).await;
        progress.begin("waiting until the node that was killed is back, and has everything");
        let times = restart(&mut spawned, &nodes, &urls).await?;
        progress.sleep("measuring after it", AFTER).await;
        pace.stop();
        progress.begin("waiting for the last answers");
        let mut done = Vec::new();
        for part in pace.join(clients).await {
            done.extend(part?);
        }
        // What nobody was free to send has taken at least until now.
        let now = Instant::now();
        done.extend(pace.missed().map(|due| (due, now)));
        let used = Copies::ask(&spawned.urls(), &nodes.token).await?.used_bytes;
        Ok(figures(&times, &done, used))
    }
}

/// Writes so many bytes, each part of them under a name of its own.
async fn fill(nodes: &Nodes, bytes: u64, progress: &Progress) -> Result<(), ServedError> {
    let count = bytes / VALUE_BYTES_MAX as u64;
    progress.begin_items("writing values", count);
    let left = Arc::new(AtomicU64::new(count));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (nodes, left, progress) = (nodes.clone(), Arc::clone(&left), progress.clone());
        clients.spawn(async move {
            let (mut ways, value) = (BTreeMap::new(), "v".repeat(VALUE_BYTES_MAX));
            let take = |it: u64| it.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                let probe = world::chance();
                let write = Write { probe, value: value.clone(), key: format!("{probe:x}") };
                until_done(&nodes, &mut ways, client, &write).await?;
                progress.advance();
            }
            Ok::<_, ServedError>(())
        });
    }
    clients.join_all().await.into_iter().collect()
}

/// Sends a write to one node after the other until it is done, or has not been for [`LASTING_MAX`].
async fn until_done(
    nodes: &Nodes,
    ways: &mut BTreeMap<String, Way>,
    first: u64,
    write: &Write,
) -> Result<(), ServedError> {
    let (began, mut turn) = (Instant::now(), first);
    loop {
        match nodes.attempt(ways, turn, write).await {
            Told::Done(_) => return Ok(()),
            Told::Again(code) if began.elapsed() > LASTING_MAX => {
                let what = format!("a write is not done after {LASTING_MAX:?}: {code}");
                return Err(ServedError::Other(what));
            }
            Told::Again(_) => sleep(PAUSE).await,
            Told::Refused(code) => {
                return Err(ServedError::Other(format!("a write was refused: {code}")));
            }
        }
        turn = turn.wrapping_add(1);
    }
}

/// Writes when it is time to.
async fn work(nodes: Nodes, pace: Arc<Pace>) -> Result<Vec<Done>, ServedError> {
    let (mut ways, mut done) = (BTreeMap::new(), Vec::new());
    while let Some(due) = pace.due().await {
        let probe = world::chance();
        let write = Write { probe, value: "v".to_owned(), key: format!("{probe:x}") };
        until_done(&nodes, &mut ways, probe, &write).await?;
        done.push((due, Instant::now()));
    }
    Ok(done)
}

/// Kills the node that leads most shards, and waits until it is back and has what others have.
async fn restart(
    spawned: &mut Spawned,
    nodes: &Nodes,
    urls: &watch::Sender<Vec<String>>,
) -> Result<Times, ServedError> {
    let map = Map::settled(&spawned.urls(), &nodes.token, Until::Serving).await?;
    let empty = || ServedError::Other("the cluster has no node that could be killed".to_owned());
    let (node, name) = map.busiest().ok_or_else(empty)?;
    spawned.kill(name)?;
    let killed = Instant::now();
    urls.send_replace(spawned.urls());
    spawned.wait_for(name).await?;
    let back = Instant::now();
    urls.send_replace(spawned.urls());
    let goal = Copies::ask(&spawned.urls(), &nodes.token).await?.led;
    while killed.elapsed() < LASTING_MAX {
        let copies = Copies::ask(&spawned.urls(), &nodes.token).await?;
        let is_there = |(shard, applied): (&u32, &u64)| copies.has(node, *shard, *applied);
        if goal.iter().all(is_there) {
            return Ok(Times { killed, back, caught_up: Instant::now() });
        }
        sleep(LOOK).await;
    }
    Err(ServedError::Other(format!("node {name} does not catch up within {LASTING_MAX:?}")))
}

fn figures(times: &Times, done: &[Done], used: u64) -> Vec<Figure> {
    let Times { killed, back, caught_up } = *times;
    let figure = |metric, value, unit| Figure::new("restart", metric, value, unit);
    let mut figures = vec![
        figure("data_per_node", as_float(used) / 1e6, "MB"),
        figure("serves_after_s", (back - killed).as_secs_f64(), "s"),
        figure("caught_up_after_s", (caught_up - killed).as_secs_f64(), "s"),
    ];
    let from = killed + FAILOVER;
    let to = caught_up.max(from) + AFTER;
    // The whole of it, then its parts: two serve, the third catches up, leaders go back to it.
    let parts = [
        ("calm", killed - CALM, killed - UNDER_WAY),
        ("restart", from, to),
        ("opening", from, back),
        ("catching_up", back, caught_up),
        ("handing_back", caught_up, to),
    ];
    for (case, from, to) in parts {
        let mut took = Latencies::default();
        let within = done.iter().filter(|(due, _)| (from..to).contains(due));
        within.for_each(|(due, end)| took.push(*end - *due));
        let took = took.sorted();
        let of = |metric, of_thousand| {
            let figure = figure(metric, took.ms(of_thousand), "ms");
            Figure { case: case.to_owned(), ..figure }
        };
        figures.extend([of("p50_ms", 500), of("p99_ms", 990), of("max_ms", 1_000)]);
    }
    figures
}
