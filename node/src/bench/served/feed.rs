//! Posts that reach the sockets of all followers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::Method;
use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::latency::Latencies;
use super::pace::Pace;
use super::reader::{Reader, Received};
use super::spawned::Spawned;
use super::target::{ServedError, Target};
use crate::api::{Api, Call};
use crate::bench::figure::{Figure, as_float};
use crate::import::{Account, Graph, Phases, Plan};
use crate::world;

/// Requests under way while people are made and follow each other.
const AT_ONCE: usize = 64;

/// How long nothing is measured at first.
const WARM_UP: Duration = Duration::from_secs(3);

/// How long deliveries may take that are under way in the end.
const REST_MAX: Duration = Duration::from_mins(1);

/// Between two looks whether all have come.
const LOOK: Duration = Duration::from_millis(200);

/// Makes people who follow each other in a cluster that is started for it, opens a socket for each of them,
/// and publishes.
#[derive(Args, Clone, Debug)]
pub(in crate::bench) struct Feed {
    #[command(flatten)]
    target: Target,
    /// Who follows whom: two numbers per line, each of whom follows the other.
    #[arg(long, value_name = "EDGES")]
    follows: PathBuf,
    /// Most people, those with the smallest numbers.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    people_max: usize,
    /// Posts per second at fixed times. Without it everybody who publishes goes on when they are answered.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: Option<u64>,
    /// Who publish, each one post after the other.
    #[arg(long, value_name = "NUMBER", default_value_t = 16,
          value_parser = clap::value_parser!(u64).range(1..=1024))]
    in_flight: u64,
    /// How long is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    seconds: u64,
}

/// What all who publish have in common.
struct Crew {
    apis: Vec<Api>,
    people: Vec<Account>,
    numbers: AtomicU64,
    pace: Option<Pace>,
    is_over: AtomicBool,
}

/// A post that was acknowledged.
struct Post {
    number: u64,
    author: usize,
    due: Instant,
}

impl Feed {
    /// Measures.
    pub(in crate::bench) async fn run(&self) -> Result<Vec<Figure>, ServedError> {
        world::raise_files();
        let cluster = self.target.open().await?;
        let urls: Vec<_> = cluster.map.urls.values().cloned().collect();
        let (graph, people) = self.people(&urls).await?;
        let received = Arc::new(AtomicU64::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let readers = open(&urls, &people, &received, &is_over).await?;
        let crew = Arc::new(Crew {
            apis: urls.iter().map(|it| Api::new(it)).collect::<Result<_, _>>()?,
            people,
            numbers: AtomicU64::new(0),
            pace: self.rate.map(|it| Pace::new(it, WARM_UP + Duration::from_secs(self.seconds))),
            is_over: AtomicBool::new(false),
        });
        let mut authors = JoinSet::new();
        for _ in 0..self.in_flight {
            authors.spawn(Arc::clone(&crew).publish());
        }
        let used = || cluster.spawned.as_ref().map(Spawned::used);
        sleep(WARM_UP).await;
        let (began, before, count) = (Instant::now(), used(), received.load(Ordering::Relaxed));
        sleep(Duration::from_secs(self.seconds)).await;
        let ended = Instant::now();
        let spent = before.zip(used()).map(|(before, after)| after.since(before).cpu);
        let count = received.load(Ordering::Relaxed) - count;
        crew.is_over.store(true, Ordering::Relaxed);
        let mut posts = Vec::new();
        for part in authors.join_all().await {
            posts.extend(part?);
        }
        let expected = expected(&graph, &posts);
        let patience = Instant::now() + REST_MAX;
        while received.load(Ordering::Relaxed) < expected && Instant::now() < patience {
            sleep(LOOK).await;
        }
        is_over.store(true, Ordering::Relaxed);
        let all = readers.join_all().await;
        Ok(figures(&posts, &all, (began, ended), (count, expected, spent)))
    }

    /// Makes people who follow each other.
    async fn people(&self, urls: &[String]) -> Result<(Graph, Vec<Account>), ServedError> {
        let failed = |error: crate::import::ImportError| ServedError::Other(error.to_string());
        let graph = Graph::read(&self.follows, self.people_max).map_err(failed)?;
        let url = urls.first().ok_or_else(|| ServedError::Other("there is no node".to_owned()))?;
        let state = std::env::temp_dir().join(format!("roost-bench-{:016x}", world::chance()));
        let plan = Plan { graph: graph.clone(), posts: Vec::new(), seed: world::chance() };
        let mut phases = Phases::open(plan, url, &state, AT_ONCE).map_err(failed)?;
        let made = phases.run().await;
        std::fs::remove_file(&state)?;
        made.map_err(failed)?;
        let people = phases.accounts().values().cloned().collect();
        Ok((graph, people))
    }
}

/// Opens a socket for each, that follows their feed.
async fn open(
    urls: &[String],
    people: &[Account],
    received: &Arc<AtomicU64>,
    is_over: &Arc<AtomicBool>,
) -> Result<JoinSet<Received>, ServedError> {
    let mut readers = JoinSet::new();
    for (some, url) in people.chunks(AT_ONCE).zip(urls.iter().cycle()) {
        let opening = some.iter().map(|it| Reader::open(url, &it.token, &it.user));
        for reader in futures::future::join_all(opening).await {
            let reader = reader.map_err(ServedError::Other)?;
            readers.spawn(reader.read(Arc::clone(received), Arc::clone(is_over)));
        }
    }
    Ok(readers)
}

/// How many deliveries the posts come to: to each follower, and to the author.
fn expected(graph: &Graph, posts: &[Post]) -> u64 {
    let mut followers: BTreeMap<usize, u64> = BTreeMap::new();
    for (_, author) in &graph.follows {
        *followers.entry(*author).or_default() += 1;
    }
    posts.iter().map(|it| 1 + followers.get(&it.author).copied().unwrap_or_default()).sum()
}

impl Crew {
    /// Publishes until it is over, each post until it is acknowledged.
    async fn publish(self: Arc<Self>) -> Result<Vec<Post>, ServedError> {
        let mut posts = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) {
            let Some(due) = Pace::due(self.pace.as_ref()).await else { break };
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let (people, apis) = (self.people.len() as u64, self.apis.len() as u64);
            let author = usize::try_from(world::chance() % people).expect("it was a length");
            let node = usize::try_from(number % apis).expect("it was a length");
            let call = Call {
                method: Method::POST,
                path: "/v1/me/feed".to_owned(),
                token: Some(self.people[author].token.clone()),
                key: format!("bench-{number}"),
                body: Some(json!({ "body": number.to_string() })),
            };
            self.apis[node].send(&call).await?;
            posts.push(Post { number, author, due });
        }
        Ok(posts)
    }
}

fn figures(
    posts: &[Post],
    readers: &[Received],
    (began, ended): (Instant, Instant),
    (count, expected, spent): (u64, u64, Option<Duration>),
) -> Vec<Figure> {
    let due: BTreeMap<u64, Instant> = posts.iter().map(|it| (it.number, it.due)).collect();
    let mut took = Latencies::default();
    for (number, at) in readers.iter().flat_map(|it| &it.posts) {
        if let Some(due) = due.get(number).filter(|due| (began..ended).contains(*due)) {
            took.push(*at - *due);
        }
    }
    let (lasted, took) = ((ended - began).as_secs_f64(), took.sorted());
    let published = posts.iter().filter(|it| (began..ended).contains(&it.due)).count() as u64;
    let sum = |of: fn(&Received) -> u64| readers.iter().map(of).sum::<u64>();
    let got = sum(|it| it.posts.len() as u64);
    let figure = |metric, value, unit| Figure::new("feed", metric, value, unit);
    let mut figures = vec![
        figure("readers", as_float(readers.len() as u64), "1"),
        figure("posts", as_float(published) / lasted, "1/s"),
        figure("rate", as_float(count) / lasted, "1/s"),
        figure("p50_ms", took.ms(500), "ms"),
        figure("p99_ms", took.ms(990), "ms"),
        figure("p999_ms", took.ms(999), "ms"),
        figure("lost", as_float(expected.saturating_sub(got)), "1"),
        figure("duplicates", as_float(sum(|it| it.duplicates)), "1"),
        figure("errors", as_float(sum(|it| u64::from(it.is_broken))), "1"),
    ];
    if let Some(cpu) = spent {
        let cpu = cpu.as_secs_f64() * 1e6 / as_float(count.max(1));
        figures.push(figure("cpu_us_per_op", cpu, "us"));
    }
    figures
}
