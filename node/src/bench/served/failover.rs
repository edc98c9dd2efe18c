//! Nodes are killed while clients write: how long shards are away, and whether anything is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use cluster::slots::ShardId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::latency::Latencies;
use super::map::Map;
use super::nodes::{Nodes, PAUSE};
use super::spawned::Spawned;
use super::target::{Cluster, ServedError, Target};
use super::way::{Told, Write};
use crate::bench::figure::{Figure, as_float};
use crate::world;

/// Clients of each shard.
const CLIENTS: u64 = 4;

/// How long the cluster is left alone before a node is killed: copies catch up, leaders move back.
const CALM: Duration = Duration::from_secs(5);

/// How long after a kill it is watched which shards serve.
const WATCHED: Duration = Duration::from_secs(10);

/// How often a probe is asked in the end what it counts.
const LAST_TRIES: u64 = 40;

/// Kills nodes of a cluster that is started for this, the one first that leads most shards, and checks
/// every command that was acknowledged.
#[derive(Args, Clone, Debug)]
pub(in crate::bench) struct Failover {
    #[command(flatten)]
    target: Target,
    /// How often a node is killed.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    kills: u32,
}

/// What all clients have in common.
struct Crew {
    nodes: Nodes,
    is_over: AtomicBool,
}

/// What a client has seen of the probe that only it writes.
struct Seen {
    shard: ShardId,
    probe: u64,
    /// When each write began and was acknowledged.
    acknowledged: Vec<(Instant, Instant)>,
    /// Writes that the probe counts less than were acknowledged, or more.
    lost: u64,
    duplicates: u64,
    errors: BTreeMap<String, u64>,
    refused: Option<String>,
}

/// A node that was killed.
struct Kill {
    at: Instant,
    /// What it led.
    led: Vec<ShardId>,
}

impl Failover {
    /// Measures.
    pub(in crate::bench) async fn run(&self) -> Result<Vec<Figure>, ServedError> {
        let mut cluster = self.target.open().await?;
        let Some(mut spawned) = cluster.spawned.take() else {
            let what = "name a number of nodes with --spawn: their processes are killed";
            return Err(ServedError::Other(what.to_owned()));
        };
        let (urls, heard) = watch::channel(spawned.urls());
        let is_over = AtomicBool::new(false);
        let nodes = Nodes { token: cluster.token.clone(), urls: heard };
        let crew = Arc::new(Crew { nodes, is_over });
        let mut clients = JoinSet::new();
        for (shard, probe) in probes(&cluster.map) {
            clients.spawn(Arc::clone(&crew).work(shard, probe));
        }
        let mut kills = Vec::new();
        for _ in 0..self.kills {
            kills.push(kill(&mut spawned, &cluster, &urls).await?);
        }
        sleep(CALM).await;
        crew.is_over.store(true, Ordering::Relaxed);
        let mut seen = clients.join_all().await;
        for it in &mut seen {
            crew.look(it).await?;
        }
        figures(&kills, &seen)
    }
}

/// So many probes of each shard.
fn probes(map: &Map) -> Vec<(ShardId, u64)> {
    let mut missing: BTreeMap<ShardId, u64> = map.leaders.keys().map(|it| (*it, CLIENTS)).collect();
    let mut probes = Vec::new();
    // Probes nobody has written: those of another run are counted already.
    for probe in world::chance() >> 1.. {
        let shard = map.shard(probe);
        if let Some(left @ 1..) = missing.get_mut(&shard) {
            *left -= 1;
            probes.push((shard, probe));
        }
        if missing.values().all(|it| *it == 0) {
            break;
        }
    }
    probes
}

/// Kills the node that leads most shards, and waits until it is back.
async fn kill(
    spawned: &mut Spawned,
    cluster: &Cluster,
    urls: &watch::Sender<Vec<String>>,
) -> Result<Kill, ServedError> {
    sleep(CALM).await;
    let map = Map::settled(&spawned.urls(), &cluster.token).await?;
    let busiest = map.busiest().map(|(node, name)| (node, name.to_owned()));
    let empty = || ServedError::Other("the cluster has no node that could be killed".to_owned());
    let (node, name) = busiest.ok_or_else(empty)?;
    let led = map.leaders.iter().filter(|(_, leader)| **leader == node);
    let led: Vec<_> = led.map(|(shard, _)| *shard).collect();
    spawned.kill(&name)?;
    let at = Instant::now();
    urls.send_replace(spawned.urls());
    tracing::info!(name, shards = led.len(), "killed");
    sleep(WATCHED).await;
    spawned.wait_for(&name)?;
    urls.send_replace(spawned.urls());
    Ok(Kill { at, led })
}

impl Crew {
    /// Writes one after the other, each until it is acknowledged.
    async fn work(self: Arc<Self>, shard: ShardId, probe: u64) -> Seen {
        let (acknowledged, errors, refused) = (Vec::new(), BTreeMap::new(), None);
        let (lost, duplicates) = (0, 0);
        let mut seen = Seen { shard, probe, acknowledged, lost, duplicates, errors, refused };
        let (mut ways, mut turn) = (BTreeMap::new(), probe);
        while !self.is_over.load(Ordering::Relaxed) && seen.refused.is_none() {
            let number = seen.acknowledged.len() as u64 + 1;
            let key = format!("{probe:x}-{number}");
            let write = Write { probe, value: number.to_string(), key };
            let began = Instant::now();
            let counted = loop {
                turn += 1;
                let told = self.nodes.attempt(&mut ways, turn, &write).await;
                match told {
                    Told::Done(writes) => break writes,
                    Told::Again(code) => *seen.errors.entry(code).or_default() += 1,
                    Told::Refused(code) => {
                        seen.refused = Some(code);
                        return seen;
                    }
                }
                sleep(PAUSE).await;
            };
            seen.acknowledged.push((began, Instant::now()));
            seen.lost += number.saturating_sub(counted);
            seen.duplicates += counted.saturating_sub(number);
        }
        seen
    }

    /// Writes once more when everything is over: what was acknowledged is counted, and nothing else.
    async fn look(&self, seen: &mut Seen) -> Result<(), ServedError> {
        if let Some(code) = &seen.refused {
            return Err(ServedError::Other(format!("a write was refused: {code}")));
        }
        let number = seen.acknowledged.len() as u64 + 1;
        let key = format!("{:x}-{number}", seen.probe);
        let write = Write { probe: seen.probe, value: String::new(), key };
        let (mut ways, mut last) = (BTreeMap::new(), String::new());
        for turn in 0..LAST_TRIES {
            match self.nodes.attempt(&mut ways, turn, &write).await {
                Told::Done(counted) => {
                    seen.lost += number.saturating_sub(counted);
                    seen.duplicates += counted.saturating_sub(number);
                    return Ok(());
                }
                Told::Again(code) | Told::Refused(code) => last = code,
            }
            sleep(PAUSE).await;
        }
        Err(ServedError::Other(format!("a probe does not answer in the end: {last}")))
    }
}

fn figures(kills: &[Kill], seen: &[Seen]) -> Result<Vec<Figure>, ServedError> {
    let mut away = Latencies::default();
    for Kill { at, led } in kills {
        for shard in led {
            let clients = seen.iter().filter(|it| it.shard == *shard);
            let ends = clients.flat_map(|it| &it.acknowledged).filter(|(began, _)| began >= at);
            let first = ends
                .map(|(_, end)| *end)
                .min()
                .ok_or_else(|| ServedError::Other(format!("shard {} never came back", shard.0)))?;
            away.push(first - *at);
        }
    }
    let mut took = Latencies::default();
    seen.iter().flat_map(|it| &it.acknowledged).for_each(|(began, end)| took.push(*end - *began));
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    for (code, count) in seen.iter().flat_map(|it| &it.errors) {
        *errors.entry(code).or_default() += count;
    }
    let sum = |of: fn(&Seen) -> u64| as_float(seen.iter().map(of).sum());
    let (shards, writes) = (away.len(), took.len());
    let (away, took) = (away.sorted(), took.sorted());
    let figure = |metric, value, unit| Figure::new("failover", metric, value, unit);
    let of = |case: &str, it: Figure| Figure { case: case.to_owned(), ..it };
    let mut figures = vec![
        figure("kills", as_float(kills.len() as u64), "1"),
        figure("shards_led", as_float(shards), "1"),
        figure("p50_ms", away.ms(500), "ms"),
        figure("p99_ms", away.ms(990), "ms"),
        figure("max_ms", away.ms(1_000), "ms"),
        figure("lost", sum(|it| it.lost), "1"),
        figure("duplicates", sum(|it| it.duplicates), "1"),
        of("writes", figure("acknowledged", as_float(writes), "1")),
        of("writes", figure("p99_ms", took.ms(990), "ms")),
        of("writes", figure("p999_ms", took.ms(999), "ms")),
        of("writes", figure("max_ms", took.ms(1_000), "ms")),
    ];
    let codes =
        errors.into_iter().map(|(code, count)| of(code, figure("errors", as_float(count), "1")));
    figures.extend(codes);
    Ok(figures)
}
