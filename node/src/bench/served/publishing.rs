//! Posts that are published while sockets listen: how each of them arrives.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::audience::Audience;
use super::latency::Latencies;
use super::pace::Pace;
use super::reader::Received;
use super::spawned::Spawned;
use super::target::{Cluster, ServedError};
use crate::api::{Api, Call};
use crate::bench::figure::{Figure, as_float};
use crate::bench::progress::Progress;
use crate::bench::scratch::Scratch;
use crate::import::{Account, Graph, Phases, Plan};
use crate::world;

/// Requests under way while people are made and follow each other.
const AT_ONCE: usize = 64;

/// How long nothing is measured at first: within 7 s after nodes have met, leaders go where they belong.
const WARM_UP: Duration = Duration::from_secs(8);

/// How long deliveries may take that are under way in the end.
const REST_MAX: Duration = Duration::from_mins(1);

/// Between two looks whether all have come.
const LOOK: Duration = Duration::from_millis(200);

/// Somebody who publishes.
#[derive(Clone, Debug)]
pub(super) struct Author {
    pub(super) account: Account,
    /// How many sockets a post of theirs reaches.
    pub(super) reach: u64,
}

/// How much is published, and for how long that is measured.
#[derive(Clone, Debug)]
pub(super) struct Publishing {
    /// Which bench it is.
    pub(super) bench: &'static str,
    /// Posts per second at fixed times; without it everybody who publishes goes on when they are answered.
    pub(super) rate: Option<u64>,
    /// Who publish, each one post after the other.
    pub(super) in_flight: u64,
    pub(super) lasting: Duration,
}

/// What all who publish have in common.
struct Crew {
    apis: Vec<Api>,
    authors: Vec<Author>,
    numbers: AtomicU64,
    pace: Pace,
}

/// A post that was acknowledged.
struct Post {
    number: u64,
    /// How many sockets it reaches.
    reach: u64,
    due: Instant,
    acknowledged: Instant,
}

/// What is measured.
struct Measured {
    /// From when to when.
    during: Range<Instant>,
    /// Deliveries meanwhile.
    count: u64,
    /// What the nodes have used meanwhile, if they were started for this.
    cpu: Option<Duration>,
    /// Posts that were due meanwhile, and never published.
    missed: u64,
}

/// Makes people who follow each other; they come in the order of the graph.
pub(super) async fn people(
    graph: &Graph,
    cluster: &Cluster,
    progress: &Progress,
) -> Result<Vec<Account>, ServedError> {
    let failed = |error: crate::import::ImportError| ServedError::Other(error.to_string());
    let urls: Vec<_> = cluster.map.urls.values().cloned().collect();
    let folder = Scratch::new()?;
    let plan = Plan { graph: graph.clone(), posts: Vec::new(), seed: world::chance() };
    let state = folder.path().join("people");
    let mut phases = Phases::open(plan, &urls, &state, AT_ONCE).map_err(failed)?;
    // It shows itself how far it is.
    progress.clear();
    phases.run().await.map_err(failed)?;
    Ok(phases.accounts().values().cloned().collect())
}

impl Publishing {
    /// Publishes what is drawn from the authors, and waits until everything has arrived.
    pub(super) async fn measure(
        &self,
        cluster: &Cluster,
        authors: Vec<Author>,
        audience: Audience,
        progress: &Progress,
    ) -> Result<Vec<Figure>, ServedError> {
        let urls = cluster.map.urls.values();
        let crew = Arc::new(Crew {
            apis: urls.map(|it| Api::new(it)).collect::<Result<_, _>>()?,
            authors,
            numbers: AtomicU64::new(0),
            pace: Pace::new(self.rate, WARM_UP, self.lasting),
        });
        let mut publishing = JoinSet::new();
        for _ in 0..self.in_flight {
            publishing.spawn(Arc::clone(&crew).publish());
        }
        let used = || cluster.spawned.as_ref().map(Spawned::used);
        progress.sleep("warming up", WARM_UP).await;
        let (before, count) = (used(), audience.received());
        progress.sleep("measuring", self.lasting).await;
        let count = audience.received() - count;
        let cpu = before.zip(used()).map(|(before, after)| after.since(before).cpu);
        progress.begin("waiting until everything has arrived");
        let mut posts = Vec::new();
        for part in crew.pace.join(publishing).await {
            posts.extend(part?);
        }
        let expected: u64 = posts.iter().map(|it| it.reach).sum();
        let patience = Instant::now() + REST_MAX;
        while audience.received() < expected && Instant::now() < patience {
            sleep(LOOK).await;
        }
        let all = audience.leave().await;
        let (during, missed) = (crew.pace.measured(), crew.pace.missed().count() as u64);
        Ok(self.figures(&posts, &all, &Measured { during, count, cpu, missed }))
    }

    fn figures(&self, posts: &[Post], all: &[Received], measured: &Measured) -> Vec<Figure> {
        let Measured { during, count, cpu, missed } = measured;
        let is_measured = |it: &&Post| during.contains(&it.due);
        let known: BTreeMap<u64, &Post> =
            posts.iter().filter(is_measured).map(|it| (it.number, it)).collect();
        let (mut took, mut took_since) = (Latencies::default(), Latencies::default());
        for (number, at) in all.iter().flat_map(|it| &it.posts) {
            if let Some(post) = known.get(number) {
                took.push(*at - post.due);
                // What overtakes the acknowledgement has taken no time.
                took_since.push(at.saturating_duration_since(post.acknowledged));
            }
        }
        let (took, took_since) = (took.sorted(), took_since.sorted());
        let lasted = self.lasting.as_secs_f64();
        let sum = |of: fn(&Received) -> u64| all.iter().map(of).sum::<u64>();
        let expected: u64 = posts.iter().map(|it| it.reach).sum();
        let lost = expected.saturating_sub(sum(|it| it.posts.len() as u64));
        let figure = |metric, value, unit| Figure::new(self.bench, metric, value, unit);
        let mut figures = vec![
            figure("readers", as_float(all.len() as u64), "1"),
            figure("posts", as_float(known.len() as u64) / lasted, "1/s"),
            figure("rate", as_float(*count) / lasted, "1/s"),
            figure("p50_ms", took.ms(500), "ms"),
            figure("p99_ms", took.ms(990), "ms"),
            figure("p999_ms", took.ms(999), "ms"),
            figure("acked_p50_ms", took_since.ms(500), "ms"),
            figure("acked_p99_ms", took_since.ms(990), "ms"),
            figure("acked_p999_ms", took_since.ms(999), "ms"),
            figure("lost", as_float(lost), "1"),
            figure("duplicates", as_float(sum(|it| it.duplicates)), "1"),
            figure("errors", as_float(missed + sum(|it| u64::from(it.is_broken))), "1"),
        ];
        if let Some(cpu) = cpu {
            let cpu = cpu.as_secs_f64() * 1e6 / as_float(*count.max(&1));
            figures.push(figure("cpu_us_per_op", cpu, "us"));
        }
        figures
    }
}

impl Crew {
    /// Publishes until it is over, each post until it is acknowledged.
    async fn publish(self: Arc<Self>) -> Result<Vec<Post>, ServedError> {
        let mut posts = Vec::new();
        while let Some(due) = self.pace.due().await {
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let (people, apis) = (self.authors.len() as u64, self.apis.len() as u64);
            let author = usize::try_from(world::chance() % people).expect("it was a length");
            let node = usize::try_from(number % apis).expect("it was a length");
            let Author { account, reach } = &self.authors[author];
            let call = Call {
                method: Method::POST,
                path: "/v1/me/feed".to_owned(),
                token: Some(account.token.clone()),
                key: format!("bench-{number}"),
                body: Some(json!({ "body": number.to_string() })),
            };
            self.apis[node].send(&call).await?;
            posts.push(Post { number, reach: *reach, due, acknowledged: Instant::now() });
        }
        Ok(posts)
    }
}
