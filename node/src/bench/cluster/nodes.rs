//! The nodes of a cluster in one process, from their start to their end.

use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use cluster::executor::Knobs;
use cluster::meta::api::Found;
use cluster::meta::{Member, Meta, MetaKey, Metas, NodeRecord};
use cluster::placement::{Candidate, place};
use cluster::request::{Answer, RequestId};
use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use entity::digest::sha256;
use entity::kind::Kind;
use entity::operation::Request;
use entity::registry::Registry;
use entity::{Address, Caller, Command, Data, Id, Key, Release};
use runtime::client::Client;
use wal::disk::DiskFolder;

use super::clients::{counter, look};
use super::load::{BenchError, Load};
use super::network::{connect, connect_by_quic, deliver};
use super::tally::{Counted, Tally};
use crate::assembly::{Connect, Plan, Room, Running, die};
use crate::bench::counter::Counter;

/// Attempts to found the cluster and to reach each shard; each is tried for ten seconds.
const ATTEMPTS_MAX: usize = 6;

/// How long shards have to find the leaders that they are to have.
const SETTLE_MAX: Duration = Duration::from_secs(20);

/// Pause between two looks at who leads.
const SETTLE_PAUSE: Duration = Duration::from_millis(100);

/// Counters among which one is looked for in each shard: many times as many as there can be shards.
const COUNTERS_TRIED: u64 = 1 << 16;

/// No node is replaced while something is measured.
const REPLACE_AFTER: Duration = Duration::from_hours(24);

/// The nodes, with a client at each.
pub(super) struct Nodes {
    pub(super) running: Vec<Running>,
    pub(super) clients: Vec<Client>,
}

impl Nodes {
    /// Starts nodes in folders of their own.
    pub(super) fn start(
        load: &Load,
        folder: &Path,
        tally: &Arc<Tally>,
    ) -> Result<Self, BenchError> {
        let nodes: Vec<_> = (1..=load.nodes).map(NodeId).collect();
        let candidates: Vec<_> = nodes.iter().map(|it| Candidate::new(*it, "", 100)).collect();
        let founders = place(META, &candidates, usize::from(load.copies));
        let founders: Vec<_> = founders.iter().map(|it| Member { node: it.0, life: 1 }).collect();
        let mut registry = Registry::default();
        registry.add::<Meta>();
        registry.add::<Counter>();
        let registry = Arc::new(registry);
        let mut running = Vec::new();
        let mut by_quic = if load.is_quic { connect_by_quic(&nodes)? } else { Vec::new() };
        by_quic.reverse();
        for (node, (wires, arrivals)) in nodes.iter().zip(connect(&nodes, tally)) {
            let through_queues: Connect = Box::new(move |_, _| Ok(Arc::new(wires)));
            let folder = folder.join(format!("node-{}", node.0));
            let counting = Arc::clone(tally);
            let watching = Arc::clone(tally);
            let plan = Plan {
                node: *node,
                name: format!("n{}", node.0),
                founders: founders.clone(),
                cluster: "bench".to_owned(),
                folder,
                log: Box::new(move |path| {
                    let folder = DiskFolder::open(path, 0)?;
                    Ok(Arc::new(Counted { folder, tally: counting }))
                }),
                engine: engine_fjall::Options::default(),
                threads: load.threads,
                connect: by_quic.pop().unwrap_or(through_queues),
                registry: Arc::clone(&registry),
                knobs: Knobs::default(),
                timing: load.timing,
                replace_after: REPLACE_AFTER,
                room: Room::default(),
                watch: Arc::new(move |changed| watching.changed(changed)),
                on_failure: Arc::new(die),
            };
            let started = Running::start(plan)?;
            deliver(&started, arrivals);
            running.push(started);
        }
        let clients = running.iter().map(Running::client).collect();
        Ok(Self { running, clients })
    }

    /// Makes them a cluster, and waits until every shard answers through every node.
    pub(super) fn found(&self, load: &Load) -> Result<(), BenchError> {
        self.ask(0, META, |client| {
            let (key, request) = found(load);
            Box::pin(async move { client.command(Caller::Operator, Some(key), request).await })
        })?;
        self.wait_for_roster();
        for shard in (0..load.shards).map(ShardId) {
            for node in 0..self.running.len() {
                self.ask(node, shard, |client| {
                    Box::pin(async move {
                        let Some(at) = counter_of(&client, shard) else {
                            return Answer::Failure(cluster::request::Failure::NoSuchShard);
                        };
                        let mut answers = client.ask(Caller::Anyone, vec![look(at)]).await;
                        answers.pop().expect("one answer to one question")
                    })
                })?;
            }
        }
        self.settle(load);
        Ok(())
    }

    /// Waits until every node knows the cluster, if that comes about.
    fn wait_for_roster(&self) {
        let knows = |client: &Client| client.router().roster().directory().is_some();
        for _ in 0..SETTLE_MAX.as_millis() / SETTLE_PAUSE.as_millis() {
            if self.clients.iter().all(knows) {
                return;
            }
            sleep(SETTLE_PAUSE);
        }
    }

    /// Asks through a node until there is an outcome.
    fn ask(
        &self,
        node: usize,
        shard: ShardId,
        ask: impl Fn(Client) -> futures::future::BoxFuture<'static, Answer>,
    ) -> Result<(), BenchError> {
        let (running, mut last) = (&self.running[node], None);
        for _ in 0..ATTEMPTS_MAX {
            let asked = ask(self.clients[node].clone());
            match running.handle().block_on(running.home().scope(asked)) {
                Answer::Outcome(_) => return Ok(()),
                Answer::Failure(failure) => last = Some(failure),
            }
            sleep(SETTLE_PAUSE);
        }
        Err(BenchError::Silent { shard: shard.0, node: node + 1, last })
    }

    /// Waits until every shard is led where it is to be, if that comes about.
    fn settle(&self, load: &Load) {
        let shards = || (0..load.shards).map(ShardId).chain([META]);
        for _ in 0..SETTLE_MAX.as_millis() / SETTLE_PAUSE.as_millis() {
            if shards().all(|shard| self.is_settled(shard)) {
                return;
            }
            sleep(SETTLE_PAUSE);
        }
        tracing::warn!("not every shard is led where it is to be");
    }

    fn is_settled(&self, shard: ShardId) -> bool {
        let roster = self.clients[0].router().roster();
        let first = roster.members(shard).first().copied();
        let at = |it: &&Client| Some(it.router().peers().me().0) == first.map(|it| it.node);
        let hosted = self.clients.iter().find(at).and_then(|it| it.router().hosted(shard));
        hosted.is_some_and(|it| it.inbox.is_some())
    }

    /// Ends all of them.
    pub(super) fn stop(self) {
        drop(self.clients);
        self.running.into_iter().for_each(Running::stop);
    }
}

fn found(load: &Load) -> (RequestId, Request) {
    let node = |number: u32| NodeRecord {
        name: format!("n{number}"),
        disk: u128::from(number),
        zone: String::new(),
        weight: 100,
        address: String::new(),
        release: Release::NEWEST.0,
    };
    let found = Found {
        name: "bench".to_owned(),
        shards: load.shards,
        copies: load.copies,
        nodes: (1..=load.nodes).map(node).collect(),
    };
    let mut body = Vec::new();
    found.encode(Release::NEWEST, &mut body);
    let to = Address { kind: Metas::TAG, key: MetaKey.to_bytes() };
    let (account, fingerprint) = (Id(0), sha256(&body));
    let key = RequestId::Outside { account, key: "found".to_owned(), fingerprint };
    (key, Request { to, tag: Found::TAG, body })
}

/// A counter that lives in a shard, once the client knows of shards.
fn counter_of(client: &Client, shard: ShardId) -> Option<Address> {
    let directory = client.router().roster().directory()?;
    (0..COUNTERS_TRIED).map(counter).find(|it| directory.home(it) == Some(shard))
}
