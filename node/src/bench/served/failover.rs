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
use super::map::{Map, Until};
use super::nodes::{Nodes, PAUSE};
use super::spawned::Spawned;
use super::target::{Cluster, ServedError, Target};
use super::way::{Told, Write};
use crate::bench::figure::{Figure, as_float};
use crate::bench::progress::Progress;
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
    /// Attempts that may be made again, or of which nobody knows what they did, by their codes.
    errors: BTreeMap<String, u64>,
    /// Attempts that were refused though none ever should be, by their codes.
    refused: BTreeMap<String, u64>,
}

/// A node that was killed.
struct Kill {
    at: Instant,
    /// What it led.
    led: Vec<ShardId>,
}

impl Failover {
    /// Measures.
    pub(in crate::bench) async fn run(
        &self,
        progress: &Progress,
    ) -> Result<Vec<Figure>, ServedError> {
        let mut cluster = self.target.open(progress).await?;
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
        for number in 1..=self.kills {
            progress.within(format!("kill {number} of {}: ", self.kills));
            progress.sleep("letting nodes rest", CALM).await;
            kills.push(kill(&mut spawned, &cluster, &urls, progress).await?);
        }
        progress.within("");
        progress.sleep("letting nodes rest", CALM).await;
        crew.is_over.store(true, Ordering::Relaxed);
        let mut seen = clients.join_all().await;
        progress.begin_items("checking what was acknowledged", seen.len() as u64);
        for it in &mut seen {
            crew.look(it).await?;
            progress.advance();
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
    progress: &Progress,
) -> Result<Kill, ServedError> {
    let map = Map::settled(&spawned.urls(), &cluster.token, Until::Serving).await?;
    let busiest = map.busiest().map(|(node, name)| (node, name.to_owned()));
    let empty = || ServedError::Other("the cluster has no node that could be killed".to_owned());
    let (node, name) = busiest.ok_or_else(empty)?;
    let led = map.leaders.iter().filter(|(_, leader)| **leader == node);
    let led: Vec<_> = led.map(|(shard, _)| *shard).collect();
    spawned.kill(&name)?;
    let at = Instant::now();
    urls.send_replace(spawned.urls());
    progress.sleep(format!("watching {} shards that {name} led", led.len()), WATCHED).await;
    progress.begin(format!("waiting until {name} is back"));
    spawned.wait_for(&name).await?;
    urls.send_replace(spawned.urls());
    Ok(Kill { at, led })
}

impl Crew {
    /// Writes one after the other, each until it is acknowledged. What is under way in the end is left to
    /// [`Crew::look`].
    async fn work(self: Arc<Self>, shard: ShardId, probe: u64) -> Seen {
        let mut seen = Seen::new(shard, probe);
        let (mut ways, mut turn) = (BTreeMap::new(), probe);
        while !self.is_over.load(Ordering::Relaxed) {
            let (write, began) = (seen.next(), Instant::now());
            let counted = loop {
                turn += 1;
                let told = self.nodes.attempt(&mut ways, turn, &write).await;
                if let Ok(counted) = seen.hear(told) {
                    break counted;
                }
                if self.is_over.load(Ordering::Relaxed) {
                    return seen;
                }
                sleep(PAUSE).await;
            };
            seen.check(counted);
            seen.acknowledged.push((began, Instant::now()));
        }
        seen
    }

    /// Writes once more when everything is over: what was acknowledged is counted, and nothing else.
    async fn look(&self, seen: &mut Seen) -> Result<(), ServedError> {
        let (write, mut ways, mut last) = (seen.next(), BTreeMap::new(), String::new());
        for turn in 0..LAST_TRIES {
            match seen.hear(self.nodes.attempt(&mut ways, turn, &write).await) {
                Ok(counted) => {
                    seen.check(counted);
                    return Ok(());
                }
                Err(code) => last = code,
            }
            sleep(PAUSE).await;
        }
        Err(ServedError::Other(format!("a probe does not answer in the end: {last}")))
    }
}

impl Seen {
    fn new(shard: ShardId, probe: u64) -> Self {
        let (acknowledged, errors, refused) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { shard, probe, acknowledged, lost: 0, duplicates: 0, errors, refused }
    }

    /// So often the probe counts when the next write is done.
    fn number(&self) -> u64 {
        self.acknowledged.len() as u64 + 1
    }

    /// The next write. It is the same until it is acknowledged, as a repeat has to be.
    fn next(&self) -> Write {
        let (probe, number) = (self.probe, self.number());
        Write { probe, value: number.to_string(), key: format!("{probe:x}-{number}") }
    }

    /// Takes in what came of an attempt: what the probe counts, or the code if it was not done.
    fn hear(&mut self, told: Told) -> Result<u64, String> {
        let (counts, code) = match told {
            Told::Done(counted) => return Ok(counted),
            Told::Again(code) => (&mut self.errors, code),
            Told::Refused(code) => (&mut self.refused, code),
        };
        *counts.entry(code.clone()).or_default() += 1;
        Err(code)
    }

    /// Compares what the probe counts after a write with what it should.
    fn check(&mut self, counted: u64) {
        self.lost += self.number().saturating_sub(counted);
        self.duplicates += counted.saturating_sub(self.number());
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
        figure("p999_ms", away.ms(999), "ms"),
        figure("max_ms", away.ms(1_000), "ms"),
        figure("lost", sum(|it| it.lost), "1"),
        figure("duplicates", sum(|it| it.duplicates), "1"),
        of("writes", figure("acknowledged", as_float(writes), "1")),
        of("writes", figure("p99_ms", took.ms(990), "ms")),
        of("writes", figure("p999_ms", took.ms(999), "ms")),
        of("writes", figure("max_ms", took.ms(1_000), "ms")),
    ];
    let errors = by_code(seen, |it| &it.errors);
    let refused = by_code(seen, |it| &it.refused);
    for (metric, codes) in [("errors", errors), ("refused", refused)] {
        figures.push(figure(metric, as_float(codes.values().sum()), "1"));
        let each = |(code, count)| of(code, figure(metric, as_float(count), "1"));
        figures.extend(codes.into_iter().map(each));
    }
    Ok(figures)
}

/// How often all clients together have heard each code.
fn by_code(seen: &[Seen], of: fn(&Seen) -> &BTreeMap<String, u64>) -> BTreeMap<&str, u64> {
    let mut all = BTreeMap::new();
    for (code, count) in seen.iter().flat_map(of) {
        *all.entry(&**code).or_default() += count;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(figures: &[Figure], metric: &str, case: &str) -> Option<f64> {
        figures.iter().find(|it| it.metric == metric && it.case == case).map(|it| it.value)
    }

    #[test]
    fn errors_and_refusals_are_figures_of_their_own_and_are_said_if_there_are_none() {
        let calm = figures(&[], &[Seen::new(ShardId(1), 1)]).unwrap();
        assert_eq!(value(&calm, "errors", ""), Some(0.0));
        assert_eq!(value(&calm, "refused", ""), Some(0.0));

        let mut seen = [Seen::new(ShardId(1), 1), Seen::new(ShardId(1), 2)];
        for it in &mut seen {
            assert_eq!(it.hear(Told::Again("timeout".to_owned())), Err("timeout".to_owned()));
        }
        assert!(seen[0].hear(Told::Again("shard_moved".to_owned())).is_err());
        assert!(seen[1].hear(Told::Refused("forbidden".to_owned())).is_err());
        let told = figures(&[], &seen).unwrap();
        let cases = [
            ("errors", "", 3.0),
            ("errors", "shard_moved", 1.0),
            ("errors", "timeout", 2.0),
            ("refused", "", 1.0),
            ("refused", "forbidden", 1.0),
        ];
        for (metric, case, expected) in cases {
            assert_eq!(value(&told, metric, case), Some(expected), "{metric} {case}");
        }
    }

    #[test]
    fn a_write_that_counts_less_is_lost_and_one_that_counts_more_is_a_duplicate() {
        let mut seen = Seen::new(ShardId(1), 7);
        for (counted, lost, duplicates) in [(1, 0, 0), (1, 1, 0), (5, 1, 2)] {
            let write = seen.next();
            assert_eq!(write.key, format!("7-{}", seen.acknowledged.len() + 1));
            assert_eq!(seen.hear(Told::Done(counted)), Ok(counted));
            seen.check(counted);
            seen.acknowledged.push((Instant::now(), Instant::now()));
            assert_eq!((seen.lost, seen.duplicates), (lost, duplicates));
        }
    }
}
