//! Small commands through the front door, each committed by a quorum before it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::etcd::Etcd;
use super::http::Http;
use super::latency::Latencies;
use super::map::Map;
use super::members::Members;
use super::pace::Pace;
use super::socket::Socket;
use super::spawned::Spawned;
use super::target::{Cluster, ServedError, Target};
use super::way::{NO_ANSWER, Told, Way, Wire, Write};
use crate::bench::figure::{Figure, as_float};
use crate::bench::progress::Progress;
use crate::world::{self, Cores, Used};

/// How long nothing is measured at first.
const WARM_UP: Duration = Duration::from_secs(3);

/// Connections to each node that sockets use.
const SOCKETS: usize = 2;

/// Clients of etcd, each with a connection to every member.
const ETCD_CLIENTS: usize = 4;

/// Probes that are written.
const PROBES: u64 = 10_000;

/// Measures durable commands through the front door of a cluster.
#[derive(Args, Clone, Debug)]
pub(in crate::bench) struct Durable {
    #[command(flatten)]
    target: Target,
    /// What carries requests. Of several each is measured in turn, on a cluster of its own if one is
    /// started.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "http")]
    wire: Vec<Wire>,
    /// To which node: any, or the one that leads the shard.
    #[arg(long, value_enum, value_delimiter = ',',
          default_values_t = [Routing::Random, Routing::Leader])]
    routing: Vec<Routing>,
    /// How often everything is measured.
    #[arg(long, value_name = "NUMBER", default_value_t = 1,
          value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Clients, each of which waits for one command.
    #[arg(long, value_name = "NUMBER", default_value_t = 64,
          value_parser = clap::value_parser!(u64).range(1..=8192))]
    in_flight: u64,
    /// So many commands per second, at fixed times, whether or not earlier ones have been answered.
    /// Each takes from the time when it was due, also if all clients were busy then; those that are not
    /// even sent half a minute after the end are errors. Without it everybody goes on when they are
    /// answered.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: Option<u64>,
    /// Length of a value.
    #[arg(long, value_name = "BYTES", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    value_bytes: u16,
    /// How long is measured, for each routing.
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
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

/// What is measured.
struct Subject<'a> {
    wire: Wire,
    routing: Routing,
    /// None for etcd: any member takes any write.
    map: Option<&'a Map>,
    /// A way for each client, and which node it leads to.
    ways: Vec<(u32, Way)>,
    /// What its processes have used, if they were started for this.
    used: &'a dyn Fn() -> Option<Used>,
    progress: &'a Progress,
}

/// What all clients have in common.
struct Crew {
    map: Option<Map>,
    routing: Routing,
    value: String,
    pace: Pace,
}

/// What a client has seen.
#[derive(Default)]
struct Seen {
    /// How many commands were done while it was measured, whenever they were due.
    done: u64,
    /// How long those took that count; what was not answered took at least as long as was waited for it.
    took: Latencies,
    /// How many of those that count were not done, by their codes.
    errors: BTreeMap<String, u64>,
}

impl Durable {
    /// Measures each wire, with each routing.
    pub(in crate::bench) async fn run(
        &self,
        progress: &Progress,
    ) -> Result<Vec<Figure>, ServedError> {
        let mut figures = Vec::new();
        for round in 1..=self.rounds {
            progress.within(format!("round {round} of {}: ", self.rounds));
            for wire in &self.wire {
                figures.extend(match wire {
                    Wire::Http | Wire::Socket => self.of_roost(*wire, progress).await?,
                    Wire::Etcd => self.of_etcd(progress).await?,
                });
            }
        }
        Ok(figures)
    }

    async fn of_roost(&self, wire: Wire, progress: &Progress) -> Result<Vec<Figure>, ServedError> {
        let cluster = self.target.open(progress).await?;
        let used = || cluster.spawned.as_ref().map(Spawned::used);
        let mut figures = Vec::new();
        for routing in &self.routing {
            let ways = self.ways(wire, &cluster).await?;
            let map = Some(&cluster.map);
            let subject = Subject { wire, routing: *routing, map, ways, used: &used, progress };
            figures.extend(self.measure(subject).await);
        }
        Ok(figures)
    }

    async fn of_etcd(&self, progress: &Progress) -> Result<Vec<Figure>, ServedError> {
        let (members, urls) = self.target.open_etcd(progress).await?;
        let used = || members.as_ref().map(Members::used);
        let clients: Result<Vec<_>, _> = (0..ETCD_CLIENTS).map(|_| Etcd::new(&urls)).collect();
        let clients = clients?.into_iter().cycle().take(self.clients());
        let ways = clients.map(|etcd| (0, Way::Etcd(etcd))).collect();
        let (wire, routing) = (Wire::Etcd, Routing::Random);
        let subject = Subject { wire, routing, map: None, ways, used: &used, progress };
        Ok(self.measure(subject).await)
    }

    fn clients(&self) -> usize {
        usize::try_from(self.in_flight).unwrap_or(usize::MAX)
    }

    async fn measure(&self, subject: Subject<'_>) -> Vec<Figure> {
        let Subject { wire, routing, map, ways, used, progress } = subject;
        let (case, lasting) = (self.case(wire, routing), Duration::from_secs(self.seconds));
        let crew = Arc::new(Crew {
            map: map.cloned(),
            routing,
            value: "v".repeat(self.value_bytes.into()),
            pace: Pace::new(self.rate, WARM_UP, lasting),
        });
        let mut clients = JoinSet::new();
        for (node, way) in ways {
            clients.spawn(Arc::clone(&crew).work(node, way));
        }
        progress.sleep(format!("{case}: warming up"), WARM_UP).await;
        let (before, cores) = (used(), Cores::now());
        progress.sleep(format!("{case}: measuring"), lasting).await;
        let stolen = Cores::now().stolen_since(cores);
        let spent = before.zip(used()).map(|(before, after)| after.since(before).cpu);
        progress.begin(format!("{case}: waiting for the last answers"));
        let mut all = Seen::default();
        crew.pace.join(clients).await.into_iter().for_each(|seen| all.join(seen));
        for due in crew.pace.missed() {
            all.failed("never_sent".to_owned());
            all.took.push(due.elapsed());
        }
        for (code, count) in &all.errors {
            tracing::warn!(case, code, count, "commands were not done");
        }
        self.figures(&case, all, (spent, stolen))
    }

    /// What figures name it.
    fn case(&self, wire: Wire, routing: Routing) -> String {
        let name = |it: Option<clap::builder::PossibleValue>| {
            it.map(|it| it.get_name().to_owned()).unwrap_or_default()
        };
        let (wire, to) = (wire.to_possible_value(), routing.to_possible_value());
        format!("{} {} {}", name(wire), name(to), self.in_flight)
    }

    async fn ways(&self, wire: Wire, cluster: &Cluster) -> Result<Vec<(u32, Way)>, ServedError> {
        let urls = &cluster.map.urls;
        let mut sockets = BTreeMap::new();
        for (node, url) in urls.iter().filter(|_| wire == Wire::Socket) {
            for _ in 0..SOCKETS {
                let socket =
                    Socket::open(url, &cluster.token, None).await.map_err(ServedError::Other)?;
                sockets.entry(*node).or_insert_with(Vec::new).push(socket);
            }
        }
        let way = |(at, (node, url)): (usize, (&u32, &String))| match sockets.get(node) {
            Some(sockets) => (*node, Way::Socket(sockets[at % sockets.len()].clone())),
            None => (*node, Way::Http(Http::new(url, &cluster.token))),
        };
        let places = urls.iter().cycle().take(self.clients()).enumerate();
        Ok(places.map(|(at, it)| way((at / urls.len(), it))).collect())
    }

    fn figures(&self, case: &str, seen: Seen, machine: (Option<Duration>, f64)) -> Vec<Figure> {
        let (cpu, stolen) = machine;
        let took = seen.took.sorted();
        let figure = |metric, value, unit| Figure {
            case: case.to_owned(),
            ..Figure::new("durable", metric, value, unit)
        };
        let mut figures = vec![
            figure("rate", as_float(seen.done) / as_float(self.seconds), "1/s"),
            figure("p50_ms", took.ms(500), "ms"),
            figure("p99_ms", took.ms(990), "ms"),
            figure("p999_ms", took.ms(999), "ms"),
            figure("errors", as_float(seen.errors.values().sum()), "1"),
        ];
        if let Some(cpu) = cpu {
            let cpu = cpu.as_secs_f64() * 1e6 / as_float(seen.done.max(1));
            figures.push(figure("cpu_us_per_op", cpu, "us"));
        }
        figures.push(figure("stolen", stolen, "%"));
        figures
    }
}

impl Crew {
    /// Writes until it is over.
    async fn work(self: Arc<Self>, node: u32, mut way: Way) -> Seen {
        let (mut seen, measured) = (Seen::default(), self.pace.measured());
        while let Some(due) = self.pace.due().await {
            let write =
                Write { probe: self.probe(node), value: self.value.clone(), key: String::new() };
            let told = way.write(&write).await;
            let ended = Instant::now();
            let is_done = matches!(told, Told::Done(_));
            seen.done += u64::from(is_done && measured.contains(&ended));
            if self.pace.counts(due, ended) {
                seen.hear(told, ended - due);
            }
        }
        seen
    }

    /// Any probe, of those that a node leads if that is wanted and it leads any.
    fn probe(&self, node: u32) -> u64 {
        let any = || world::chance() % PROBES;
        let map = self.map.as_ref().filter(|_| self.routing == Routing::Leader);
        let Some(map) = map.filter(|map| map.leaders.values().any(|it| *it == node)) else {
            return any();
        };
        loop {
            let probe = any();
            if map.leaders.get(&map.shard(probe)) == Some(&node) {
                return probe;
            }
        }
    }
}

impl Seen {
    /// Takes in what came of a command that counts.
    fn hear(&mut self, told: Told, took: Duration) {
        match told {
            Told::Done(_) => self.took.push(took),
            Told::Again(code) | Told::Refused(code) => {
                if code == NO_ANSWER {
                    self.took.push(took);
                }
                self.failed(code);
            }
        }
    }

    fn failed(&mut self, code: String) {
        *self.errors.entry(code).or_default() += 1;
    }

    fn join(&mut self, other: Self) {
        self.done += other.done;
        self.took.join(other.took);
        for (code, count) in other.errors {
            *self.errors.entry(code).or_default() += count;
        }
    }
}
