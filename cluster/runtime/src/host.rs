//! The shards that a node hosts: for each a member of its group and, while that leads, a life.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::executor::{Knobs, Output, Setup as ExecutorSetup};
use cluster::meta::{Assignment, Member, Roster};
use cluster::slots::{Directory, META, ShardId};
use engine::{Engine, State};
use entity::registry::Registry;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use raft::group::{Group, Setup};
use raft::home::Moment;
use raft::machine::Watch;
use raft::offload::Offload;
use raft::peers::{Peers, Question};
use raft::shared::Shared;
use raft::storage::Storage;
use raft::timing::Timing;
use tokio::sync::mpsc;
use wal::Appender;

use crate::clock::Clock;
use crate::disk::Disk;
use crate::follow::follower::Follower;
use crate::life::Owner;
use crate::report::{self, NodeReport};
use crate::router::Router;
use crate::shard::{Inbox, Life, Said, turn_away};
use crate::traffic::Counters;
use crate::wire::{Message, Reply, Sign};
use crate::{driver, leave, life, membership};

/// What every shard of a node is made of. Clones are the same.
#[derive(Clone)]
pub struct Host(Arc<Parts>);

/// The parts of a [`Host`].
pub struct Parts {
    /// The way to the other shards.
    pub router: Router,
    /// What this node follows.
    pub follower: Follower,
    /// The log of the node.
    pub appender: Appender,
    /// Whether the log has ever been damaged.
    pub is_log_broken: bool,
    /// The rows of the node.
    pub engine: Arc<dyn Engine>,
    /// Where work goes that waits for the disk.
    pub offload: Offload,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What can be run.
    pub registry: Arc<Registry>,
    /// Limits of the executors.
    pub knobs: Knobs,
    /// Time and sizes of the groups.
    pub timing: Timing,
    /// A node that is silent for so long holds nothing any more.
    pub replace_after: Duration,
    /// Set while the disk is nearly full: only commands are taken that make room.
    pub disk: Arc<Disk>,
    /// Bytes of the log above which the node flushes its rows and forgets what they hold.
    pub log_bytes_max: u64,
    /// Told of every change of rows.
    pub watch: Watch,
    /// The members that begin the meta group, on the nodes that found a cluster.
    pub founders: Vec<Member>,
    /// This node's member of it, as long as the roster knows none that is newer.
    pub meta: Shared<Member>,
    /// When the node began.
    pub begun: Moment,
    /// What clients have of it.
    pub counters: Arc<Counters>,
}

/// Most questions of other members that wait. More are dropped, as a network might.
const QUESTIONS_MAX: usize = 1_024;

/// Between two looks whether the rows can still be used.
const ROWS_PERIOD: Duration = Duration::from_millis(250);

/// Between two questions whether a member has left.
const LEAVE_PERIOD: Duration = Duration::from_secs(5);

/// Pause before a shard that this node leads and lost begins another life.
const LIFE_PAUSE: Duration = Duration::from_millis(20);

impl Host {
    /// Hosts shards with these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The way to the shards.
    pub fn router(&self) -> &Router {
        &self.0.router
    }

    /// What this node follows.
    pub fn follower(&self) -> &Follower {
        &self.0.follower
    }

    /// What clients have of this node.
    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.0.counters
    }

    /// How this node is doing.
    pub(crate) async fn report(&self) -> NodeReport {
        let now = self.0.router.peers().home().now();
        let up = now - self.0.begun;
        NodeReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            up_ms: u64::try_from(up.as_millis()).unwrap_or(u64::MAX),
            traffic: self.0.counters.traffic(),
            log_bytes: self.0.appender.bytes(),
            is_storage_full: self.0.disk.is_full(),
            used_bytes: self.0.disk.used_bytes(),
            free_bytes: self.0.disk.free_bytes(),
            clock_ahead_micros: self.0.router.skew().ahead_micros(now),
            is_clock_wrong: self.0.router.skew().is_wrong(),
            copies: report::copies(&self.0.router).await,
        }
    }

    /// The time of day, as this node has it.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// What is said to whoever asks whether this node is there.
    pub(crate) fn sign(&self) -> Reply {
        let parts = &self.0;
        let sign = if parts.router.leave().is_begun() {
            Sign::Leaving
        } else if membership::is_fit(&parts.router, &parts.disk) {
            Sign::Fit
        } else {
            Sign::Unfit
        };
        Reply::Here(sign, parts.clock.now())
    }

    /// Whether the log is longer than it should be.
    pub(crate) fn is_log_long(&self) -> bool {
        self.0.appender.bytes() > self.0.log_bytes_max
    }

    /// Waits until the rows of the node cannot be used any more, and says why.
    pub(crate) async fn rows_failed(&self) -> String {
        loop {
            if let Some(what) = self.0.engine.failure() {
                return what;
            }
            self.0.router.peers().home().sleep(probe::knob!(RowsPeriod, ROWS_PERIOD)).await;
        }
    }

    /// Makes the rows durable. Yields up to which entry those of each group are.
    pub(crate) async fn flush(&self) -> Result<BTreeMap<u32, u64>, String> {
        let engine = Arc::clone(&self.0.engine);
        let flushed = self.0.offload.run(move || engine.flush()).await;
        flushed.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// The shards that this node holds, by the roster or by what is left of them here.
    pub(crate) fn shards(&self, roster: &Roster) -> BTreeSet<ShardId> {
        let me = self.0.router.peers().me();
        // A crash may leave rows without a log, and a log without rows.
        let rows = self.0.engine.groups().into_iter().map(|(group, _)| group);
        let logs = self.0.appender.groups().into_iter();
        let logs = logs.filter(|it| life::is_left(&self.0, ShardId(*it)));
        let left = rows.chain(logs).map(ShardId).filter(|shard| roster.has(*shard));
        left.chain(roster.hosted(me).into_keys()).filter(|it| *it != META).collect()
    }

    /// As which member this node holds a shard: by the roster, or by what is left of it here.
    fn wanted(&self, shard: ShardId) -> Option<Member> {
        let (roster, me) = (self.0.router.roster(), self.0.router.peers().me());
        if shard == META {
            let known = roster.nodes.contains_key(&me).then(|| roster.follower(me));
            let told = self.0.meta.with(|it| *it);
            return Some(known.filter(|it| it.life > told.life).unwrap_or(told));
        }
        roster.hosted(me).get(&shard).copied()
    }

    /// Takes part in the group of a shard, and runs the shard whenever this node leads it. Ends when
    /// the node has left the group.
    ///
    /// # Errors
    ///
    /// Why this node cannot take part, or not as who it was.
    pub async fn host(&self, shard: ShardId) -> Result<(), String> {
        if let Some(before) = self.0.router.unhost(shard).and_then(|it| it.group) {
            before.stop().await;
        }
        let held = life::owner(&self.0, shard)?.and_then(Owner::present);
        let Some(member) = self.wanted(shard).or(held) else {
            // Rows without a log: whoever held them was forgotten halfway.
            return life::forget(&self.0, shard).await;
        };
        let Some(member) = life::prepare(&self.0, shard, member).await? else { return Ok(()) };
        let group = self.join(shard, member).await?;
        tracing::debug!(shard = shard.0, ?member, "a copy begins");
        let hosting = Hosting { router: self.0.router.clone(), shard };
        let ended = self.attend(shard, &group).await;
        drop(hosting);
        // Whoever comes next has the log to itself: what this one wrote late would be taken for its own.
        group.stop().await;
        ended?;
        probe::sometimes!(CopyGone);
        life::forget(&self.0, shard).await
    }

    /// Takes part until the node has left the group.
    async fn attend(&self, shard: ShardId, group: &Group) -> Result<(), String> {
        let mut changes = group.changes();
        let mut roster = self.0.router.rosters();
        let mut is_founded = false;
        loop {
            if !is_founded {
                is_founded = self.found(group, shard).await?;
            }
            if let Some(failure) = group.status().failure {
                return Err(failure);
            }
            if let Some(what) = self.damage(shard) {
                return Err(format!("rows cannot be read any more: {what}"));
            }
            if self.wanted(shard).is_some_and(|it| it.life > group.member().life) {
                return Err("another life of this copy begins".to_owned());
            }
            if self.has_left(shard, group).await {
                return Ok(());
            }
            if changes.have_ended() {
                return Err("replication has ended".to_owned());
            }
            if let Some(term) = group.reign() {
                probe::sometimes!(JointInherited, group.status().is_changing);
                self.lead(shard, group, term).await?;
                probe::sometimes!(MoveInterrupted, group.status().is_changing);
                group.home().sleep(probe::knob!(LifePause, LIFE_PAUSE)).await;
                continue;
            }
            tokio::select! {
                biased;
                is_running = changes.next() => if !is_running {
                    return Err("replication has ended".to_owned());
                },
                _ = roster.changed() => {}
                () = group.home().sleep(probe::knob!(LeavePeriod, LEAVE_PERIOD)) => if shard == META {
                    self.learn_life(group.member()).await;
                }
            }
        }
    }

    /// A copy of the meta group whose next life was given out, and then forgotten in a crash, is told
    /// nothing any more: it asks.
    async fn learn_life(&self, member: Member) {
        let Some(members) = self.0.router.members(META).await else { return };
        let of_node = members.voters.union(&members.learners).filter(|it| it.node == member.node);
        if let Some(newest) = of_node.max() {
            self.0.meta.with(|it| *it = (*it).max(*newest));
        }
    }

    fn damage(&self, shard: ShardId) -> Option<String> {
        match self.0.engine.state(shard.0)? {
            State::Damaged(what) => Some(what),
            State::Sound(_) => None,
        }
    }

    /// Waits until rows of a shard are found to be damaged: by whoever reads them, not here.
    async fn is_damaged(&self, shard: ShardId) {
        while self.damage(shard).is_none() {
            self.0.router.peers().home().sleep(probe::knob!(RowsPeriod, ROWS_PERIOD)).await;
        }
    }

    /// Whether a member has no part in its group any more: neither assignment nor group name it. If they
    /// should again, it will be somebody else. Every node follows the meta group, some of them late: a roster that is
    /// older than the member says nothing of it.
    async fn has_left(&self, shard: ShardId, group: &Group) -> bool {
        let (roster, member) = (self.0.router.roster(), group.member());
        let is_named = |it: &Assignment| it.members.contains(&member);
        let is_older = roster.last_life < member.life && !probe::mutant!(RosterBelieved);
        if shard == META || is_older || roster.assignment(shard).is_none_or(is_named) {
            return false;
        }
        let members = self.0.router.members(shard).await;
        tracing::debug!(shard = shard.0, ?member, ?members, "not held any more");
        members.is_some_and(|it| it.lack(member)) && !probe::mutant!(CopyLeftBehind)
    }

    /// Starts the member, once the one before it has ended.
    async fn join(&self, shard: ShardId, member: Member) -> Result<Group, String> {
        let parts = &self.0;
        let setup = Setup {
            group: shard.0,
            member,
            peers: parts.router.peers().clone(),
            storage: Storage::new(shard.0, parts.appender.group(shard.0), parts.appender.clone()),
            engine: Arc::clone(&parts.engine),
            offload: parts.offload.clone(),
            timing: parts.timing,
            watch: Arc::clone(&parts.watch),
        };
        let peers = parts.router.peers();
        let home = peers.home();
        let group = home.scope(Group::start(setup)).await.map_err(|error| error.to_string())?;
        let (sender, questions) = mpsc::channel(probe::knob!(Questions, QUESTIONS_MAX));
        home.spawn(answer(group.clone(), peers.clone(), questions));
        parts.router.host(shard, |it| {
            (it.group, it.questions) = (Some(group.clone()), Some(sender));
        });
        Ok(group)
    }

    /// Makes a group of the members that the shard begins with, if there is none yet. Each of them
    /// says the same: it does not matter who comes first. Yields whether nothing is left to do.
    async fn found(&self, group: &Group, shard: ShardId) -> Result<bool, String> {
        let roster = self.0.router.roster();
        let members = match roster.assignment(shard) {
            Some(Assignment { version: 1, members, .. }) => members,
            None if shard == META => &self.0.founders,
            Some(_) => return Ok(true),
            None => return Ok(false),
        };
        let members: BTreeSet<Member> = members.iter().copied().collect();
        if !members.contains(&group.member()) {
            return Ok(true);
        }
        group.found(&members).await.map_err(|error| error.to_string())?;
        Ok(true)
    }

    /// Runs the shard until this node loses it.
    ///
    /// # Errors
    ///
    /// Why this copy should not go on as it is.
    async fn lead(&self, shard: ShardId, group: &Group, term: u64) -> Result<(), String> {
        let (inbox, mut items) = Inbox::new();
        self.0.router.host(shard, |it| it.inbox = Some(inbox.clone()));
        let leading = Leading { router: self.0.router.clone(), shard };
        tracing::info!(shard = shard.0, term, "this node leads a shard");
        let reigned = {
            let living = pin!(self.life(shard, group).live(&mut items));
            self.reign(&leading, (group, term), living).await
        };
        drop((leading, inbox));
        turn_away(items);
        reigned
    }

    /// Lets the shard live until this node loses it, and meanwhile brings the group's members in line with
    /// the assignment. A life that proposes nothing would not notice that another one has come between
    /// when this member leads again: no life outlasts the term.
    async fn reign(
        &self,
        leading: &Leading,
        (group, term): (&Group, u64),
        mut living: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), String> {
        let (parts, shard) = (&self.0, leading.shard);
        let heirs = tokio::select! {
            biased;
            () = &mut living => return Ok(()),
            () = group.reign_ended(term) => return Ok(()),
            () = self.is_damaged(shard) => return Ok(()),
            () = group.forsaken() => return Err("nobody answers this leader".to_owned()),
            heir = membership::keep(&parts.router, shard, group, &parts.disk) => vec![heir],
            heirs = leave::successors(&parts.router, shard, group) => heirs,
            heirs = leave::superseded(&parts.router, shard, group) => heirs,
            () = driver::drive(&parts.router, parts.replace_after), if shard == META => return Ok(()),
        };
        // Nobody comes in any more. Who is here has an answer before somebody else leads, or asks there
        // under the same name.
        leading.close();
        tokio::select! {
            biased;
            () = living => {}
            () = membership::hand_over(group, term, &heirs) => {}
        }
        Ok(())
    }

    /// What the shard is made of.
    fn life(&self, shard: ShardId, group: &Group) -> Life {
        let parts = &self.0;
        let directory = parts.router.roster().directory();
        let setup = ExecutorSetup {
            shard,
            incarnation: parts.router.roster().incarnation(),
            registry: Arc::clone(&parts.registry),
            // Before the cluster is founded there is only the meta group, which asks nobody.
            directory: directory.unwrap_or_else(|| Arc::new(Directory::even(1))),
            release: parts.router.roster().release(),
            chance: parts.router.peers().home().seed(),
            knobs: parts.knobs.clone(),
        };
        let (router, follower) = (parts.router.clone(), parts.follower.clone());
        let outlet = Arc::new(move |said| match said {
            Said::Output(output) => pass_on(&router, shard, output),
            Said::Frame(node, frame) if node == router.peers().me() => follower.take(shard, frame),
            Said::Frame(node, frame) => router.send_frame(node, shard, frame),
        });
        let (clock, disk) = (Arc::clone(&parts.clock), Arc::clone(&parts.disk));
        Life { setup, group: group.clone(), clock, outlet, disk }
    }
}

/// Answers other members: begins with each question in the order of arrival, and does not wait for
/// one before the next.
async fn answer(group: Group, peers: Peers, mut questions: mpsc::Receiver<(Question, Bytes)>) {
    let mut under_way: FuturesUnordered<BoxFuture<'static, (Question, Bytes)>> =
        FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some((question, answer)) = under_way.next() => peers.answer(question, &answer),
            asked = questions.recv() => {
                let Some((question, body)) = asked else { return };
                let group = group.clone();
                under_way.push(Box::pin(async move { (question, group.answer(body).await) }));
            }
        }
    }
}

/// Forgets a shard with its hosting. Whoever is still there then is stopped.
struct Hosting {
    router: Router,
    shard: ShardId,
}

impl Drop for Hosting {
    fn drop(&mut self) {
        if let Some(group) = self.router.unhost(self.shard).and_then(|it| it.group) {
            let home = group.home().clone();
            home.spawn(async move { group.stop().await });
        }
    }
}

/// Takes the inbox away with the life it belongs to.
struct Leading {
    router: Router,
    shard: ShardId,
}

impl Leading {
    fn close(&self) {
        self.router.host(self.shard, |it| it.inbox = None);
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.close();
    }
}

/// Passes on what a shard says to other shards.
fn pass_on(router: &Router, from: ShardId, output: Output) {
    use cluster::executor::Input;
    match output {
        Output::Envelope { to, envelope } => {
            let message = envelope.clone();
            router.hand(to, Input::Envelope(envelope), || Message::Envelope(to, message));
        }
        Output::Acknowledge { to, number } => {
            let incarnation = router.roster().incarnation();
            let input = Input::Acknowledged { incarnation, by: from, number };
            router.hand(to, input, || Message::Acknowledged { to, by: from, incarnation, number });
        }
        Output::Published(_) | Output::Changed(_) | Output::Answer { .. } | Output::Ended => {}
    }
}
