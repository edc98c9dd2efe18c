//! One machine: its disk, its clock, and the node that runs on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use cluster::meta::Member;
use cluster::transport::NodeId;
use engine::{Engine, MemoryDisk};
use entity::Time;
use entity::registry::Registry;
use raft::home::{Drift, Home, Moment};
use raft::machine::Watch;
use raft::offload::Offload;
use raft::shared::Shared;
use runtime::client::Client;
use runtime::clock::Clock;
use runtime::disk::Disk;
use runtime::node::{Node, Setup};
use tokio::sync::Notify;
use tokio::time::Instant;
use wal::folder::Folder;
use wal::memory::MemoryFolder;
use wal::{Appender, Options, Writer};

use super::bustle::Bustle;
use super::net::{Net, Socket};
use super::plan::Plan;
use crate::chance::Chance;
use crate::world::cluster::BEGINNING;

/// What still fits on a disk that is about to be full, in bytes.
const SPACE_BYTES: u64 = 100;

/// Where a machine that is off can be hurt.
#[derive(Clone, Copy, Debug)]
pub struct Weak {
    /// All others have what stands at the end of its log.
    pub is_spare: bool,
    /// A group whose log begins somewhere in the middle: nothing brings its rows back.
    pub purged: Option<u32>,
}

/// A machine, on or off.
pub struct Machine {
    /// The node that runs on it.
    pub node: NodeId,
    folder: MemoryFolder,
    disk: MemoryDisk,
    /// What its disk holds after a crash; an engine must not be opened twice.
    engine: Option<Arc<dyn Engine>>,
    chance: Chance,
    lives: u64,
    /// How long an fsync takes at most, in microseconds.
    sync_micros: Arc<Shared<u64>>,
    clock: Arc<NodeClock>,
    /// Since when the power is off, if it is: clocks go on.
    off_since: Instant,
    is_on: Arc<AtomicBool>,
    /// Whether its process is to end: its disk fails.
    is_doomed: Arc<AtomicBool>,
    /// Whether what is broken in its log may be what was written last: then nothing says that the disk had
    /// finished it.
    is_end_rotten: bool,
    /// Whether its disk is nearly full.
    room: Arc<Disk>,
    /// What runs, while the machine is on.
    pub running: Option<Running>,
}

/// How a disk fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The next fsync of the log does.
    Sync,
    /// The log does not fit any more, and nothing was set aside.
    Space,
    /// Rows are not written when they are flushed.
    Rows,
}

impl Failure {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Sync, Self::Space, Self::Rows];
}

/// A node that runs.
pub struct Running {
    /// The node.
    pub node: Node,
    /// What its tasks have in common.
    pub home: Home,
    /// The way in for clients.
    pub client: Client,
    /// Its rows.
    pub rows: Arc<dyn Engine>,
    /// Whether clients come in no more, because the node is to end.
    pub is_closed: bool,
    /// What it takes for the time.
    pub clock: Arc<dyn Clock>,
    /// Its log.
    pub log: Appender,
}

/// What every node of a world is made of.
pub struct Parts {
    /// When the world began.
    pub began: Instant,
    /// What the seed means.
    pub plan: Plan,
    /// The network.
    pub net: Net,
    /// How busy the world is.
    pub bustle: Arc<Bustle>,
    /// What can be run.
    pub registry: Arc<Registry>,
    /// The members that found the meta group.
    pub founders: Vec<Member>,
}

/// The clock of one node: true time, by its drift, and wrong by its skew.
struct NodeClock {
    home: Shared<Option<(Home, Moment)>>,
    /// What had passed when the node began.
    before: Shared<Duration>,
    skew_micros: AtomicI64,
    bustle: Arc<Bustle>,
}

impl Clock for NodeClock {
    fn now(&self) -> Time {
        self.bustle.count();
        let lived = self.home.with(|it| it.as_ref().map(|(home, born)| home.now() - *born));
        let passed = self.before.with(|it| *it) + lived.unwrap_or_default();
        let skew = self.skew_micros.load(Ordering::Relaxed);
        Time((BEGINNING + passed).0.saturating_add_signed(skew))
    }
}

impl Machine {
    /// A machine with an empty disk, switched off.
    pub fn new(parts: &Parts, node: NodeId) -> Self {
        let clock = NodeClock {
            home: Shared::default(),
            before: Shared::new(parts.began.elapsed()),
            skew_micros: AtomicI64::new(0),
            bustle: Arc::clone(&parts.bustle),
        };
        Self {
            node,
            folder: MemoryFolder::default(),
            is_doomed: Arc::default(),
            disk: MemoryDisk::default(),
            engine: None,
            chance: Chance::of(parts.plan.seed, &format!("nodes: machine {}", node.0)),
            lives: 0,
            sync_micros: Arc::new(Shared::new(1_000)),
            clock: Arc::new(clock),
            off_since: Instant::now(),
            is_on: Arc::default(),
            is_end_rotten: false,
            room: Arc::default(),
            running: None,
        }
    }

    /// Switches it on. `on_failure` is called when the node gives up.
    pub async fn start(
        &mut self,
        parts: &Parts,
        watch: Watch,
        on_failure: impl Fn(&str) + Send + Sync + Clone + 'static,
    ) {
        self.lives += 1;
        let limit = parts.plan.faults.drift.unsigned_abs();
        let drift = i32::try_from(self.chance.below(2 * u64::from(limit) + 1)).expect("small");
        let drift = Drift(drift - parts.plan.faults.drift.abs());
        let home = Home::new(self.chance.draw(), drift);
        self.is_on = Arc::new(AtomicBool::new(true));
        self.clock.before.with(|before| *before += self.off_since.elapsed());
        self.clock.home.with(|it| *it = Some((home.clone(), home.now())));
        let (appender, is_log_broken) = self.open_log(&home, parts, on_failure.clone());
        let engine = self.engine.take().unwrap_or_else(|| Arc::new(self.disk.open()));
        let rows = Arc::clone(&engine);
        let member = Member { node: self.node.0, life: 1 };
        let setup = Setup {
            node: self.node,
            meta: member,
            founders: parts.founders.clone(),
            home: home.clone(),
            transport: Arc::new(Socket {
                me: self.node,
                net: parts.net.clone(),
                is_on: Arc::clone(&self.is_on),
            }),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            appender: appender.clone(),
            is_log_broken,
            engine,
            offload: Offload::inline(),
            registry: Arc::clone(&parts.registry),
            knobs: parts.plan.knobs.clone(),
            timing: parts.plan.timing,
            replace_after: parts.plan.replace_after,
            disk: Arc::clone(&self.room),
            log_bytes_max: parts.plan.log_bytes_max,
            watch,
        };
        let excused = self.excused(on_failure);
        let failed = move || excused("a node gave up");
        let node = home.scope(Node::start(setup, failed)).await.expect("the runtime runs");
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let client = Client::new(&node, Arc::clone(&clock));
        let (log, is_closed) = (appender, false);
        self.running = Some(Running { node, home, client, rows, is_closed, clock, log });
    }

    fn open_log(
        &self,
        home: &Home,
        parts: &Parts,
        on_failure: impl Fn(&str) + Send + Sync + 'static,
    ) -> (Appender, bool) {
        let folder: Arc<dyn Folder> = Arc::new(self.folder.clone());
        let submitted = Arc::new(Notify::new());
        let notify = Arc::clone(&submitted);
        let options = Options { segment_bytes: parts.plan.segment_bytes, tail_bytes: 100_000 };
        let opened = wal::open(&folder, &options, move || notify.notify_one());
        let (appender, writer, recovered) = opened.expect("a log of this release");
        let chance = Shared::new(Chance::of(home.seed(), "fsync"));
        let limit = Arc::clone(&self.sync_micros);
        let pause = move || {
            let limit = limit.with(|it| *it);
            chance.with(|chance| {
                let slow = if chance.below(50) == 0 { 10 } else { 1 };
                chance.lasting(100..=100 + limit) * slow
            })
        };
        home.spawn(write(writer, submitted, pause, self.excused(on_failure)));
        (appender, recovered.may_lack_groups())
    }

    /// Hears of failures, and passes those on that are a wonder.
    fn excused<F: Fn(&str)>(&self, on_failure: F) -> impl Fn(&str) + use<F> {
        let (disk, is_doomed) = (self.folder.clone(), Arc::clone(&self.is_doomed));
        move |what| {
            if is_doomed.load(Ordering::Relaxed) {
                // As it should be: what nobody knows to be durable counts for nothing.
                disk.halt();
            } else if !disk.is_halted() {
                on_failure(what);
            }
        }
    }

    /// Cuts the power: what no fsync has covered may be gone.
    pub fn kill(&mut self) -> Option<Running> {
        let running = self.running.take()?;
        // First the disk, then the tasks: nothing said from now on counts as durable.
        let mut choose = |max| self.chance.below(max);
        self.folder = self.folder.crash(&mut choose);
        self.disk.set_flush_failing(false);
        self.engine = Some(Arc::new(self.disk.crash(&mut choose)));
        self.clock.home.with(|it| {
            if let Some((home, born)) = it.take() {
                self.clock.before.with(|before| *before += home.now() - born);
            }
        });
        self.off_since = Instant::now();
        self.is_on.store(false, Ordering::Relaxed);
        self.is_doomed = Arc::default();
        running.node.kill();
        Some(running)
    }

    /// The power of its disk fails after so much more was done, if the machine runs: it is to be cut
    /// then, see [`Machine::is_dark`].
    pub fn darken(&self, after: u64) -> bool {
        if self.running.is_some() {
            self.folder.halt_after(after);
        }
        self.running.is_some()
    }

    /// The disk fails, if the machine runs: the process has to end, and is dark then.
    pub fn fail(&self, failure: Failure) -> bool {
        if self.running.is_none() {
            return false;
        }
        self.is_doomed.store(true, Ordering::Relaxed);
        match failure {
            Failure::Sync => self.folder.fail_syncs(1),
            Failure::Space => self.folder.limit(Some(self.folder.bytes() + SPACE_BYTES), false),
            Failure::Rows => self.disk.set_flush_failing(true),
        }
        true
    }

    /// Whether the power of its disk has failed, or its log has ended as it should.
    pub fn is_dark(&self) -> bool {
        self.folder.is_halted()
    }

    /// Whether its disk has something to do.
    pub fn is_writing(&self) -> bool {
        self.folder.has_pending()
    }

    /// Breaks a byte of the log, or the rows of a group, while the machine is off; or they are gone. The log is
    /// broken where it ends only if all others have what is there.
    pub fn rot(&mut self, weak: Weak) -> String {
        let purged = weak.purged.filter(|_| self.chance.flips());
        if purged.is_some() || self.chance.flips() {
            self.rot_rows(purged)
        } else {
            self.rot_log(weak)
        }
    }

    /// If a group is named, what is lost is what nothing brings back.
    fn rot_rows(&mut self, purged: Option<u32>) -> String {
        let Some(engine) = &self.engine else { return "nothing".to_owned() };
        let groups = engine.groups();
        if groups.is_empty() {
            return "nothing".to_owned();
        }
        let (group, _) = *self.chance.pick(&groups);
        if purged.is_some() || self.chance.below(4) == 0 {
            let group = purged.unwrap_or(group);
            engine.remove(group).expect("rows in memory");
            return format!("the rows of group {group}: they are gone");
        }
        self.disk.damage(group, "bit rot");
        format!("the rows of group {group}")
    }

    fn rot_log(&mut self, weak: Weak) -> String {
        let names = self.folder.names().expect("files in memory");
        if names.is_empty() {
            return "nothing".to_owned();
        }
        let last = names.last().filter(|_| self.chance.flips());
        let name = last.unwrap_or_else(|| self.chance.pick(&names)).clone();
        let length = self.folder.open(&name).and_then(|it| it.length()).expect("files in memory");
        // Behind the header: a foreign segment stops a node, and an operator has to look.
        let mut at = 24 + self.chance.below(length.saturating_sub(24).max(1));
        if self.chance.flips() {
            // Where the last batches are.
            at = at.max(length.saturating_sub(1 + self.chance.below(1_000)));
        }
        let broken = self.folder.copy();
        let (what, is_followed) = if self.chance.flips() {
            let from = self.chance.below(length.max(1));
            broken.misdirect(&name, from, at);
            // What looks like a batch behind it may have come with it.
            (format!("what stood at {from} of {name} stands at {at} too"), false)
        } else {
            broken.flip(&name, at, 1);
            (format!("byte {at} of {name}"), is_followed(&broken, &name, at))
        };
        let is_end = names.last() == Some(&name) && !is_followed;
        if is_end && !weak.is_spare {
            // What is broken at the end is forgotten, and somebody else may have to do without it already.
            return self.rot_rows(None);
        }
        (self.folder, self.is_end_rotten) = (broken, is_end);
        what
    }

    /// Whether it may have lost what was written last, and cannot know.
    pub fn forgets(&mut self) -> bool {
        std::mem::take(&mut self.is_end_rotten)
    }

    /// The rows of a group can no longer be read. Yields whether there are any.
    pub fn decay(&self, group: u32) -> bool {
        self.running.is_some() && self.disk.damage(group, "bit rot")
    }

    /// The disk gets slower or quicker.
    pub fn suffer(&self, sync_micros: u64) {
        self.sync_micros.with(|it| *it = sync_micros);
    }

    /// The disk is nearly full from now on, or no more; overrun if rows do not fit any more.
    pub fn fill(&self, is_full: bool, is_overrun: bool) {
        self.room.set_full(is_full);
        self.disk.set_full(is_overrun);
    }

    /// The clock jumps.
    pub fn skew(&self, micros: i64) {
        self.clock.skew_micros.store(micros, Ordering::Relaxed);
    }

    /// Whether the clock has jumped, and not back.
    pub fn is_skewed(&self) -> bool {
        self.clock.skew_micros.load(Ordering::Relaxed) != 0
    }
}

/// Writes what is submitted, with fsyncs that take their time.
async fn write(
    mut writer: Writer,
    submitted: Arc<Notify>,
    pause: impl Fn() -> Duration + Send,
    on_failure: impl Fn(&str) + Send,
) {
    loop {
        submitted.notified().await;
        loop {
            match writer.write() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return on_failure(&error.to_string()),
            }
            tokio::time::sleep(pause()).await;
            if let Err(error) = writer.sync() {
                return on_failure(&error.to_string());
            }
        }
    }
}

/// Whether somebody who reads a segment can tell that what is broken there was whole once.
fn is_followed(folder: &MemoryFolder, name: &str, at: u64) -> bool {
    let file = folder.open(name).expect("files in memory");
    let mut bytes =
        vec![0; usize::try_from(file.length().expect("files in memory")).expect("small")];
    file.read_at(0, &mut bytes).expect("files in memory");
    wal::record::is_followed(&bytes, usize::try_from(at).expect("within it"))
}
