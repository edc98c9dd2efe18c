//! Small commands through the front door, each committed by a quorum before it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::http::Http;
use super::latency::Latencies;
use super::map::Map;
use super::socket::Socket;
use super::target::{Cluster, ServedError, Target};
use super::way::{Told, Way, Wire, Write};
use crate::bench::figure::{Figure, as_float};
use crate::world::{self, Used};

/// How long nothing is measured at first.
const WARM_UP: Duration = Duration::from_secs(3);

/// Connections to each node that sockets use.
const SOCKETS: usize = 2;

/// Probes that are written.
const PROBES: u64 = 10_000;

/// Measures durable commands through the front door of a cluster.
#[derive(Args, Clone, Debug)]
pub(in crate::bench) struct Durable {
    #[command(flatten)]
    target: Target,
    /// What carries requests.
    #[arg(long, value_enum, default_value_t = Wire::Http)]
    wire: Wire,
    /// To which node: any, or the one that leads the shard.
    #[arg(long, value_enum, default_values_t = [Routing::Random, Routing::Leader])]
    routing: Vec<Routing>,
    /// Clients, each of which waits for one command.
    #[arg(long, value_name = "NUMBER", default_value_t = 64,
          value_parser = clap::value_parser!(u64).range(1..=8192))]
    in_flight: u64,
    /// So many commands per second, at fixed times, whether or not earlier ones have been answered.
    /// Each takes from the time when it was due. Without it everybody goes on when they are answered.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: Option<u64>,
    /// Length of a value.
    #[arg(long, value_name = "BYTES", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    value_bytes: u16,
    /// How long is measured, for each routing.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
}

/// To which node a command goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Routing {
    /// Any.
    Random,
    /// The one that leads the shard.
    Leader,
}

/// What all clients have in common.
struct Crew {
    map: Map,
    routing: Routing,
    value: String,
    pace: Option<Pace>,
    is_measured: AtomicBool,
    is_over: AtomicBool,
}

/// Times at which commands are due.
struct Pace {
    begin: Instant,
    rate: u64,
    next: AtomicU64,
}

/// What a client has seen.
#[derive(Default)]
struct Seen {
    took: Latencies,
    errors: BTreeMap<String, u64>,
}

impl Durable {
    /// Measures, with each routing.
    pub(in crate::bench) async fn run(&self) -> Result<Vec<Figure>, ServedError> {
        let cluster = self.target.open().await?;
        let mut figures = Vec::new();
        for routing in &self.routing {
            figures.extend(self.measure(&cluster, *routing).await?);
        }
        Ok(figures)
    }

    async fn measure(
        &self,
        cluster: &Cluster,
        routing: Routing,
    ) -> Result<Vec<Figure>, ServedError> {
        let crew = Arc::new(Crew {
            map: cluster.map.clone(),
            routing,
            value: "v".repeat(self.value_bytes.into()),
            pace: self.rate.map(Pace::new),
            is_measured: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let mut clients = JoinSet::new();
        for (node, way) in self.ways(cluster).await? {
            clients.spawn(Arc::clone(&crew).work(node, way));
        }
        sleep(WARM_UP).await;
        let used = || match &cluster.spawned {
            Some(spawned) => spawned.used(),
            None => Used { cpu: Duration::ZERO, wall: Used::now().wall },
        };
        let before = used();
        crew.is_measured.store(true, Ordering::Relaxed);
        sleep(Duration::from_secs(self.seconds)).await;
        crew.is_measured.store(false, Ordering::Relaxed);
        let spent = used().since(before);
        crew.is_over.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for seen in clients.join_all().await {
            all.took.join(seen.took);
            for (code, count) in seen.errors {
                *all.errors.entry(code).or_default() += count;
            }
        }
        for (code, count) in &all.errors {
            tracing::warn!(code, count, "not done");
        }
        Ok(self.figures(routing, all, spent, cluster.spawned.is_some()))
    }

    /// A way for each client, and which node it leads to.
    async fn ways(&self, cluster: &Cluster) -> Result<Vec<(u32, Way)>, ServedError> {
        let urls = &cluster.map.urls;
        let mut sockets = BTreeMap::new();
        for (node, url) in urls.iter().filter(|_| self.wire == Wire::Socket) {
            for _ in 0..SOCKETS {
                let socket = Socket::open(url, &cluster.token).await.map_err(ServedError::Other)?;
                sockets.entry(*node).or_insert_with(Vec::new).push(socket);
            }
        }
        let way = |(at, (node, url)): (usize, (&u32, &String))| match sockets.get(node) {
            Some(sockets) => (*node, Way::Socket(sockets[at % sockets.len()].clone())),
            None => (*node, Way::Http(Http::new(url, &cluster.token))),
        };
        let clients = usize::try_from(self.in_flight).unwrap_or(usize::MAX);
        let places = urls.iter().cycle().take(clients).enumerate();
        Ok(places.map(|(at, it)| way((at / urls.len(), it))).collect())
    }

    fn figures(
        &self,
        routing: Routing,
        seen: Seen,
        spent: Used,
        is_cpu_known: bool,
    ) -> Vec<Figure> {
        let count = seen.took.len();
        let took = seen.took.sorted();
        let name = |it: Option<clap::builder::PossibleValue>| {
            it.map(|it| it.get_name().to_owned()).unwrap_or_default()
        };
        let (wire, to) = (self.wire.to_possible_value(), routing.to_possible_value());
        let case = format!("{} {} {}", name(wire), name(to), self.in_flight);
        let figure = |metric, value, unit| Figure {
            case: case.clone(),
            ..Figure::new("durable", metric, value, unit)
        };
        let mut figures = vec![
            figure("rate", as_float(count) / spent.wall.as_secs_f64(), "1/s"),
            figure("p50_ms", took.ms(500), "ms"),
            figure("p99_ms", took.ms(990), "ms"),
            figure("p999_ms", took.ms(999), "ms"),
            figure("errors", as_float(seen.errors.values().sum()), "1"),
        ];
        if is_cpu_known {
            let cpu = spent.cpu.as_secs_f64() * 1e6 / as_float(count.max(1));
            figures.push(figure("cpu_us_per_op", cpu, "us"));
        }
        figures
    }
}

impl Pace {
    fn new(rate: u64) -> Self {
        Self { begin: Instant::now(), rate, next: AtomicU64::new(0) }
    }

    /// When the next command is due.
    fn next(&self) -> Instant {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.begin + Duration::from_nanos(number.saturating_mul(1_000_000_000 / self.rate))
    }
}

impl Crew {
    /// Writes until it is over.
    async fn work(self: Arc<Self>, node: u32, mut way: Way) -> Seen {
        let mut seen = Seen::default();
        while !self.is_over.load(Ordering::Relaxed) {
            let due = match &self.pace {
                None => Instant::now(),
                Some(pace) => {
                    let due = pace.next();
                    sleep_until(due).await;
                    due
                }
            };
            let write =
                Write { probe: self.probe(node), value: self.value.clone(), key: String::new() };
            let told = way.write(&write).await;
            if !self.is_measured.load(Ordering::Relaxed) {
                continue;
            }
            match told {
                Told::Done(_) => seen.took.push(due.elapsed()),
                Told::Again(code) | Told::Refused(code) => {
                    *seen.errors.entry(code).or_default() += 1;
                }
            }
        }
        seen
    }

    /// Any probe, of those that a node leads if that is wanted and it leads any.
    fn probe(&self, node: u32) -> u64 {
        let leads = |probe: u64| self.map.leaders.get(&self.map.shard(probe)) == Some(&node);
        let is_any =
            self.routing == Routing::Random || !self.map.leaders.values().any(|it| *it == node);
        loop {
            let probe = world::chance() % PROBES;
            if is_any || leads(probe) {
                return probe;
            }
        }
    }
}
