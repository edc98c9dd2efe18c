//! A node: what it is made of, its beginning and its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cluster::executor::{Input, Knobs};
use cluster::meta::{Member, Roster};
use cluster::slots::{META, ShardId};
use cluster::transport::{Lane, NodeId, Transport};
use engine::Engine;
use entity::Release;
use entity::registry::Registry;
use entity::transaction::{Order, Range};
use futures::future::join_all;
use raft::home::Home;
use raft::machine::{Changed, Watch};
use raft::offload::Offload;
use raft::peers::{Incoming, Peers, Topic};
use raft::shared::Shared;
use raft::timing::Timing;
use tokio::sync::watch;
use tokio::time::timeout;
use wal::Appender;

use crate::clock::Clock;
use crate::disk::Disk;
use crate::follow::follower::Follower;
use crate::host::{Host, Parts};
use crate::report::NodeReport;
use crate::router::{PATIENCE, Router};
use crate::shard::Item;
use crate::supervisor::{Child, Supervisor};
use crate::traffic::Counters;
use crate::wire::{Message, Reply};
use crate::{compactor, detector, leave, progress};

/// What a node is made of.
pub struct Setup {
    /// Which node.
    pub node: NodeId,
    /// Its member of the meta group.
    pub meta: Member,
    /// The members that found the meta group, when the cluster is founded. Empty for a node that
    /// joins.
    pub founders: Vec<Member>,
    /// What its tasks have in common.
    pub home: Home,
    /// The way to the other nodes.
    pub transport: Arc<dyn Transport>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The log.
    pub appender: Appender,
    /// Whether the log has ever been damaged: a group that is not in it may have been.
    pub is_log_broken: bool,
    /// The rows.
    pub engine: Arc<dyn Engine>,
    /// Where work goes that waits for the disk.
    pub offload: Offload,
    /// What can be run.
    pub registry: Arc<Registry>,
    /// Limits of the executors.
    pub knobs: Knobs,
    /// Time and sizes of the groups.
    pub timing: Timing,
    /// A node that is silent for so long holds nothing any more: others take its place.
    pub replace_after: Duration,
    /// Set by whoever watches the disk, while it is nearly full: only commands are taken that make
    /// room.
    pub disk: Arc<Disk>,
    /// Bytes of the log above which the node flushes its rows and forgets what they hold.
    pub log_bytes_max: u64,
    /// Told of every change of rows.
    pub watch: Watch,
}

/// A running node. Clones are the same.
#[derive(Clone)]
pub struct Node {
    host: Host,
    home: Home,
    top: Supervisor,
}

impl Node {
    /// Starts a node. Call it inside the runtime that runs its shards. `on_failure` is called when it
    /// cannot go on: when a part of it fails again and again, as everything does when the rows have.
    ///
    /// # Errors
    ///
    /// When the runtime is going down.
    pub async fn start(
        setup: Setup,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> Result<Self, String> {
        let home = setup.home.clone();
        let peers = Peers::new(setup.node, home.clone(), Arc::clone(&setup.transport));
        let first = first_roster(&*setup.engine)?;
        let (publish, roster) = watch::channel(Arc::new(first));
        let engine = Arc::clone(&setup.engine);
        let (told, known) = (setup.watch, AtomicU64::new(0));
        let watch = move |changed: &Changed<'_>| {
            told(changed);
            // A copy of the meta group that begins a new life reads again what the node knows already.
            if changed.group == META.0
                && known.fetch_max(changed.applied, Ordering::Relaxed) < changed.applied
                && let Some(roster) = read_roster(&*engine)
            {
                publish.send_replace(Arc::new(roster));
            }
        };
        let seeds = setup.founders.iter().map(|it| NodeId(it.node)).collect();
        let shards = Router::new(peers, roster, seeds);
        let host = Host::new(Parts {
            follower: Follower::new(shards.clone()),
            router: shards,
            appender: setup.appender,
            engine: setup.engine,
            offload: setup.offload,
            clock: setup.clock,
            registry: setup.registry,
            knobs: setup.knobs,
            timing: setup.timing,
            replace_after: setup.replace_after,
            disk: setup.disk,
            log_bytes_max: setup.log_bytes_max,
            watch: Arc::new(watch),
            founders: setup.founders,
            meta: Shared::new(setup.meta),
            is_log_broken: setup.is_log_broken,
            begun: home.now(),
            counters: Arc::default(),
        });
        let top = Supervisor::start(&home, on_failure).await?;
        let shards = host.clone();
        top.branch("shards", &home, move |branch| {
            let shards = shards.clone();
            async move { host_all(&shards, &branch) }
        });
        keep(&top, "compactor", &host, |it| async move {
            compactor::keep_short(&it).await;
            Ok(())
        });
        keep(&top, "rows", &host, |it| async move { Err(it.rows_failed().await) });
        keep(&top, "detector", &host, |it| async move {
            detector::watch(it.router().clone()).await;
            Ok(())
        });
        keep(&top, "progress", &host, |it| async move {
            progress::watch(it.router().clone(), it.clock()).await;
            Ok(())
        });
        Ok(Self { host, home, top })
    }

    /// The way to the shards.
    pub fn router(&self) -> &Router {
        self.host.router()
    }

    /// The streams and entities that this node follows.
    pub fn follower(&self) -> &Follower {
        self.host.follower()
    }

    /// How every node of the cluster is doing, as far as this one knows them; none of one that counts as
    /// down, or does not say so within a second.
    pub async fn reports(&self) -> BTreeMap<NodeId, Option<NodeReport>> {
        let (router, me) = (self.router(), self.router().peers().me());
        let nodes: Vec<_> = router.roster().nodes.keys().copied().collect();
        let asked = nodes.into_iter().map(|node| async move {
            if node == me {
                let patience = self.home.true_time(PATIENCE);
                return (node, timeout(patience, self.host.report()).await.ok());
            }
            (node, router.ask_report(node).await)
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Whether there are other nodes, and none of them answers this one, for more than three seconds: clients
    /// are better off with another one, if there is any.
    pub fn is_alone(&self) -> bool {
        let (roster, me) = (self.router().roster(), self.router().peers().me());
        let mut others = roster.nodes.keys().filter(|it| **it != me).peekable();
        others.peek().is_some() && others.all(|it| self.router().progress().is_mute(*it))
    }

    /// For how long nothing has been heard of a node that counts as down.
    pub fn silence(&self, node: NodeId) -> Option<Duration> {
        self.router().detector().silence(node, self.home.now())
    }

    /// What clients have of this node: whoever serves them counts it.
    pub fn counters(&self) -> &Arc<Counters> {
        self.host.counters()
    }

    /// How this node is doing.
    pub async fn report(&self) -> NodeReport {
        self.host.report().await
    }

    /// Takes in what another node sent.
    pub fn receive(&self, from: NodeId, message: Bytes) {
        let peers = self.router().peers();
        if peers.hear(&message) {
            peers.tell(from, Lane::CONTROL, Topic::Node, &Message::Probe.encode());
            return;
        }
        detector::heard(self.router(), from);
        let Some(incoming) = peers.receive(from, message) else { return };
        match incoming.topic {
            Topic::Raft => self.replicate(incoming),
            Topic::Node => self.take(incoming),
        }
    }

    /// A question for a member of a group. For one that is not here, or another one now, the node answers.
    fn replicate(&self, incoming: Incoming) {
        let Incoming { mut body, question: Some(question), .. } = incoming else { return };
        let Some((group, member)) = raft::address(&mut body) else { return };
        if probe::buggify!(QuestionDropped) {
            return;
        }
        let hosted = self.router().hosted(ShardId(group)).unwrap_or_default();
        let is_it = hosted.group.is_some_and(|it| it.member() == member);
        match hosted.questions.filter(|_| is_it) {
            Some(questions) if questions.try_send((question, body)).is_err() => {
                tracing::debug!(group, "a member has more questions than it can take");
            }
            Some(_) => {}
            None => self.router().peers().answer(question, &raft::not_here()),
        }
    }

    fn take(&self, incoming: Incoming) {
        let Incoming { from, body, question, .. } = incoming;
        let router = self.router().clone();
        match (Message::decode(&body), question) {
            (Ok(Message::Requests(shard, requests)), Some(question)) => {
                let home = self.home.clone();
                self.home.spawn(async move {
                    if probe::buggify!(AnswerLate) {
                        home.sleep(LATE).await;
                    }
                    let reply = router.answer(shard, requests).await;
                    router.peers().answer(question, &reply.encode());
                });
            }
            (Ok(Message::Members(shard)), Some(question)) => {
                self.home.spawn(async move {
                    let reply = router.members_here(shard).await;
                    router.peers().answer(question, &reply.encode());
                });
            }
            (Ok(Message::Report), Some(question)) => {
                let host = self.host.clone();
                self.home.spawn(async move {
                    let reply = Reply::Report(host.report().await);
                    router.peers().answer(question, &reply.encode());
                });
            }
            (Ok(Message::Probe), Some(question)) => {
                router.peers().answer(question, &self.host.sign().encode());
            }
            (Ok(Message::Envelope(shard, envelope)), _) => {
                router.take(from, shard, Input::Envelope(envelope));
            }
            (Ok(Message::Acknowledged { to, by, incarnation, number }), _) => {
                router.learn(by, Some(from));
                router.take(from, to, Input::Acknowledged { incarnation, by, number });
            }
            (Ok(Message::Watch(shard, watch)), Some(question)) => {
                self.home.spawn(async move {
                    let reply = router.watch_here(shard, from, watch).await;
                    router.peers().answer(question, &reply.encode());
                });
            }
            (Ok(Message::Frame(shard, frame)), _) => self.follower().take(shard, frame),
            (Ok(Message::Ending(heirs)), _) => detector::ends(&router, from, &heirs),
            (Ok(Message::Elsewhere(shard, leader)), _) => {
                self.redirect(shard, leader.filter(|it| *it != from));
            }
            (
                Ok(
                    Message::Requests(..)
                    | Message::Members(_)
                    | Message::Watch(..)
                    | Message::Probe
                    | Message::Report,
                ),
                None,
            ) => {}
            (Err(error), _) => tracing::warn!(%error, "a message of another node"),
        }
    }

    /// What a shard was sent lately went to the wrong node: if the right one is known now, it goes there.
    fn redirect(&self, shard: ShardId, leader: Option<NodeId>) {
        if !self.router().learn(shard, leader) {
            return;
        }
        for inbox in self.router().all_hosted().into_values().filter_map(|it| it.inbox) {
            if inbox.send(Item::Input(Input::Redirected(shard))).is_err() {
                tracing::debug!(
                    shard = shard.0,
                    "a shard is busy: it sends again when that is due"
                );
            }
        }
    }

    /// Gives away every shard that it leads, for at most [`leave::LEAVE_MAX`]: then nobody waits for what
    /// it did when it ends. It leads nothing for long any more.
    pub async fn leave(&self) {
        leave::leave(self.router()).await;
    }

    /// Ends at once, as a power cut would: nothing is said, nothing is left.
    pub fn kill(&self) {
        self.home.end();
        self.top.kill();
    }

    /// How many of its tasks are left.
    pub fn tasks(&self) -> usize {
        self.home.tasks()
    }
}

/// Does something as long as the node lives.
fn keep<W, F>(top: &Supervisor, name: &str, host: &Host, work: W)
where
    W: Fn(Host) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let host = host.clone();
    top.run(Child::permanent(name, move || work(host.clone())));
}

/// How late something is that a simulation wants to be late.
const LATE: Duration = Duration::from_millis(300);

/// Between two looks at what this node holds, even if nobody has changed it.
const PERIOD: Duration = Duration::from_secs(5);

/// Hosts the meta group, and whatever the roster says, from now on.
fn host_all(host: &Host, branch: &Supervisor) {
    run(branch, host, META);
    let (all, host) = (branch.clone(), host.clone());
    branch.run(Child::permanent("hosting", move || {
        let (host, all) = (host.clone(), all.clone());
        async move {
            let (mut roster, home) = (host.router().rosters(), host.router().peers().home());
            loop {
                if probe::buggify!(RosterLate) {
                    home.sleep(LATE).await;
                }
                let now = roster.borrow_and_update().clone();
                for shard in host.shards(&now) {
                    run(&all, &host, shard);
                }
                tokio::select! {
                    biased;
                    changed = roster.changed() => if changed.is_err() {
                        return Err("the roster has ended".to_owned());
                    },
                    // A shard that came back while this node was still leaving it.
                    () = home.sleep(PERIOD) => {}
                }
            }
        }
    }));
}

/// Hosts a shard, if nobody does yet.
fn run(branch: &Supervisor, host: &Host, shard: ShardId) {
    let host = host.clone();
    branch.run(Child::passing(format!("shard {}", shard.0), move || {
        let host = host.clone();
        async move { host.host(shard).await }
    }));
}

/// What the node knows of the cluster when it starts, if it may be a part of it.
fn first_roster(engine: &dyn Engine) -> Result<Roster, String> {
    // One that cannot be read is as good as none: this copy of the meta group is given up, and the
    // node hosts nothing else until it has the rows of others.
    let roster = read_roster(engine).unwrap_or_default();
    if roster.release() <= Release::NEWEST {
        return Ok(roster);
    }
    Err(format!(
        "release_too_old: the cluster writes layouts of release {}, and this program reads them up to \
         {}. Start a newer one.",
        roster.release().0,
        Release::NEWEST.0
    ))
}

/// The roster, as far as it has been applied here; none if it cannot be read.
fn read_roster(engine: &dyn Engine) -> Option<Roster> {
    let (from, to) = Roster::rows();
    let range = Range { from, to, order: Order::Up, limit: Roster::ROWS_MAX };
    let rows = engine.scan(META.0, &range);
    rows.map(Roster::read).inspect_err(|error| tracing::error!(%error, "the roster")).ok()
}
