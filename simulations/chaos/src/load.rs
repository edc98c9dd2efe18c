//! Clients that write and ask all the time, through whichever node answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chance::Chance;
use cluster::slots::{Directory, ShardId};
use entity::Key;
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::author::{Author, Reader};
use crate::client::{Call, Client, Told, Trying};
use crate::cluster::{NODES, SHARDS};
use crate::error::ChaosError;
use crate::ledger::{Act, Ledger, Operation, Outcome, Wall};

/// Clients of each shard: while some wait for a node that does not answer, others ask those that do.
const CLIENTS: usize = 3;

/// How many authors there are, all of whom a reader follows.
const AUTHORS: usize = 3;

/// Between two operations of a client, in microseconds, least and most.
const PAUSE_MICROS: (u64, u64) = (10_000, 50_000);

/// What all clients have in common.
#[derive(Debug)]
pub(crate) struct Crew {
    /// Where they ask.
    pub(crate) urls: Vec<String>,
    /// Where they write.
    writing: watch::Receiver<Vec<String>>,
    /// Somebody with the token of operators.
    pub(crate) operator: Client,
    pub(crate) began: Instant,
    is_over: AtomicBool,
}

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Load {
    crew: Arc<Crew>,
    writing: watch::Sender<Vec<String>>,
    clients: JoinSet<(Vec<Operation>, BTreeMap<String, u64>)>,
    authors: JoinSet<(Author, Wall, BTreeMap<String, u64>)>,
    reader: Reader,
    probes: BTreeMap<ShardId, u64>,
}

impl Load {
    /// Begins. What is drawn comes from `chance`.
    ///
    /// # Errors
    ///
    /// When somebody does not get an account.
    pub(crate) async fn start(
        urls: &[String],
        (client, token): (&Client, &str),
        chance: &mut Chance,
    ) -> Result<Self, ChaosError> {
        let reader = Reader::register(client, urls).await?;
        let mut writers = Vec::new();
        for number in 0..AUTHORS {
            let author = Author::register(client, urls, number).await?;
            reader.follow(urls, &author).await?;
            writers.push(author);
        }
        let operator = client.with(token);
        let (is_over, urls) = (AtomicBool::new(false), urls.to_vec());
        let (writing, told) = watch::channel(urls.clone());
        let crew = Crew { urls, writing: told, operator, began: Instant::now(), is_over };
        let crew = Arc::new(crew);
        let probes = probes(chance);
        let (mut clients, mut authors) = (JoinSet::new(), JoinSet::new());
        for (shard, probe) in &probes {
            for _ in 0..CLIENTS {
                let number = clients.len();
                let chance = Chance::of(chance.draw(), "client");
                let client = Worker { number, shard: shard.0, probe: *probe, chance };
                clients.spawn(client.work(Arc::clone(&crew)));
            }
        }
        for author in writers {
            authors.spawn(author.write(Arc::clone(&crew)));
        }
        Ok(Self { crew, writing, clients, authors, reader, probes })
    }

    /// Who writes next does so here.
    pub(crate) fn write_to(&self, urls: Vec<String>) {
        self.writing.send_replace(urls);
    }

    /// When it began.
    pub(crate) fn began(&self) -> Instant {
        self.crew.began
    }

    /// Ends it, asks once more what is there, and yields all that happened.
    ///
    /// # Errors
    ///
    /// When nobody tells what is there.
    pub(crate) async fn end(self) -> Result<Ledger, ChaosError> {
        self.crew.is_over.store(true, Ordering::Relaxed);
        let mut ledger = Ledger::default();
        let mut count = |missed: BTreeMap<String, u64>| {
            for (why, times) in missed {
                *ledger.missed.entry(why).or_default() += times;
            }
        };
        for (operations, missed) in self.clients.join_all().await {
            ledger.operations.extend(operations);
            count(missed);
        }
        for (author, mut wall, missed) in self.authors.join_all().await {
            count(missed);
            wall.found = author.found(&self.crew.urls).await?;
            ledger.walls.push(wall);
        }
        self.reader.fill(&self.crew.urls, &mut ledger.walls).await?;
        for (shard, probe) in self.probes {
            let chance = Chance::of(probe, "last");
            let mut asks = Worker { number: usize::MAX, shard: shard.0, probe, chance };
            let mut missed = BTreeMap::new();
            let last = asks.operate(&self.crew, Act::Read, &mut missed).await;
            ledger.operations.push(last);
        }
        Ok(ledger)
    }
}

impl Crew {
    /// Where whoever writes now does so.
    pub(crate) fn writing(&self) -> Vec<String> {
        self.writing.borrow().clone()
    }

    /// Whether it is time to stop.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// A probe in each shard.
fn probes(chance: &mut Chance) -> BTreeMap<ShardId, u64> {
    let (directory, mut probes) = (Directory::even(SHARDS), BTreeMap::new());
    while probes.len() < SHARDS as usize {
        let probe = chance.draw() >> 1;
        probes.insert(directory.shard_of(&probe.to_bytes()), probe);
    }
    probes
}

/// A client of a probe, which others write as well.
struct Worker {
    number: usize,
    shard: u32,
    probe: u64,
    chance: Chance,
}

impl Worker {
    async fn work(mut self, crew: Arc<Crew>) -> (Vec<Operation>, BTreeMap<String, u64>) {
        let (mut operations, mut missed) = (Vec::new(), BTreeMap::new());
        while !crew.is_over() {
            let act = if self.chance.flips() {
                Act::Write(format!("{}-{}", self.number, operations.len()))
            } else {
                Act::Read
            };
            operations.push(self.operate(&crew, act, &mut missed).await);
            sleep(self.chance.lasting(PAUSE_MICROS.0..=PAUSE_MICROS.1)).await;
        }
        (operations, missed)
    }

    async fn operate(
        &mut self,
        crew: &Crew,
        act: Act,
        missed: &mut BTreeMap<String, u64>,
    ) -> Operation {
        let path = format!("/v1/operator/probes/{}", self.probe);
        let call = match &act {
            Act::Write(value) => {
                let (key, body) = (format!("{:x}-{value}", self.probe), json!({ "value": value }));
                Call { method: Method::PUT, path, key, body }
            }
            Act::Read => Call::get(path),
        };
        let began = crew.began.elapsed();
        let first = self.chance.index(NODES);
        let told = if act == Act::Read {
            // Whoever is asked is waited for: perhaps the answer is old.
            crew.operator.persist(&call, Trying { urls: &crew.urls, first, missed }).await
        } else {
            let urls = crew.writing();
            crew.operator.insist(&call, Trying { urls: &urls, first, missed }).await
        };
        let outcome = match (told, &act) {
            (Told::Done(reply), Act::Write(value)) => reply
                .as_u64()
                .map_or(Outcome::Unknown, |writes| Outcome::Done { writes, value: value.clone() }),
            (Told::Done(reply), Act::Read) => read(&reply),
            (Told::Again(_), _) => Outcome::Unknown,
            (Told::Refused(status, code), _) => Outcome::Refused(format!("{status} {code}")),
        };
        let ended = crew.began.elapsed();
        let (client, probe, shard) = (self.number, self.probe, self.shard);
        Operation { client, probe, shard, act, began, ended, outcome }
    }
}

fn read(reply: &Value) -> Outcome {
    let value = reply["value"].as_str().map(str::to_owned);
    let told = reply["writes"].as_u64().zip(value);
    told.map_or(Outcome::Unknown, |(writes, value)| Outcome::Done { writes, value })
}
