//! The threads of a node, its start and its end.

use std::path::Path;
use std::process::abort;
use std::sync::Arc;
use std::time::Duration;

use cluster::meta::Member;
use engine::{Engine, EngineError};
use engine_fjall::FjallEngine;
use raft::home::{Drift, Home};
use raft::offload::Offload;
use raft::shared::Shared;
use runtime::client::Client;
use runtime::disk::Disk;
use runtime::node::{Node, Setup};
use tokio::runtime::{Builder, Handle, Runtime};
use wal::Appender;
use wal::thread::WriterThread;

use super::disk;
use super::plan::{Plan, StartError};
use super::stamp::Stamp;
use crate::world::{self, SystemClock};

/// Most threads that wait for the disk on behalf of groups: flushes, installs, applies that the engine
/// holds back.
const DISK_THREADS_MAX: usize = 4;

/// Most broken places of a log that are told of when it is opened.
const DAMAGE_TOLD_MAX: usize = 8;

/// How long work that waits for the disk may take when a node stops, before it is left alone.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A node that runs.
///
/// Its threads are
///
/// | threads             | do                                                              |
/// |---------------------|-----------------------------------------------------------------|
/// | [`Plan::threads`]   | replication of all groups, shards, requests: all that never waits |
/// | 1, `log`            | writes and fsyncs of the log, and whom they tell                |
/// | up to 4, on demand  | what waits for the disk of the rows: flushes, installs          |
/// | 1, `engine-keeper`  | seals and sweeps rows                                           |
/// | 2 of fjall          | flushes and compactions                                         |
///
/// Groups and shards share threads on purpose. A record passes through both several times, and each
/// change of threads costs as much as handling some commands does.
pub struct Running {
    runtime: Runtime,
    node: Node,
    /// The same, for what comes from others.
    receiver: Arc<Shared<Option<Node>>>,
    home: Home,
    appender: Appender,
    log: WriterThread,
}

impl Running {
    /// Opens what a node has stored, and starts it. Call it outside of every runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing runs then.
    pub fn start(plan: Plan) -> Result<Self, StartError> {
        Stamp::check(&plan.folder, (&plan.cluster, &plan.name), world::disk())?;
        let rows = plan.folder.join("rows");
        let engine = engine_fjall::Options { turn: plan.node.0, ..plan.engine };
        let engine: Arc<dyn Engine> = Arc::new(open_rows(&rows, engine)?);
        let log = (plan.log)(&plan.folder.join("log"))?;
        let (appender, writer, recovered) = wal::open(&log, &wal::Options::default(), || {})?;
        for found in recovered.damage.iter().take(DAMAGE_TOLD_MAX) {
            tracing::warn!(
                file = found.file,
                offset = found.offset,
                what = found.what,
                "the log is broken"
            );
        }
        let failed = Arc::clone(&plan.on_failure);
        let log = WriterThread::start(writer, move |error| failed(&format!("the log: {error}")))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(plan.threads)
            .max_blocking_threads(DISK_THREADS_MAX)
            .thread_name(format!("node-{}", plan.node.0))
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let receiver: Arc<Shared<Option<Node>>> = Arc::default();
        let arrivals = Arc::clone(&receiver);
        let deliver = Arc::new(move |from, message| {
            // Before it has started nothing is for it.
            if let Some(node) = arrivals.with(|it| it.clone()) {
                node.receive(from, message);
            }
        });
        let (home, node) = runtime.block_on(async {
            let home = Home::new(world::chance(), Drift::default());
            let transport = (plan.connect)(&home, deliver)?;
            let disk = Arc::new(Disk::default());
            let watched = Arc::clone(&disk);
            let min = plan.room.free_bytes_min;
            home.spawn(disk::watch(home.clone(), plan.folder.clone(), (min, watched)));
            let setup = Setup {
                node: plan.node,
                meta: Member { node: plan.node.0, life: 1 },
                founders: plan.founders,
                home: home.clone(),
                transport,
                clock: Arc::new(SystemClock),
                appender: appender.clone(),
                is_log_broken: recovered.may_lack_groups(),
                engine,
                offload: Offload::to(move |work| drop(handle.spawn_blocking(work))),
                registry: plan.registry,
                knobs: plan.knobs,
                timing: plan.timing,
                replace_after: plan.replace_after,
                disk,
                log_bytes_max: plan.room.log_bytes_max,
                watch: plan.watch,
            };
            let failed = move || (plan.on_failure)("a part of it fails again and again");
            let node = home.scope(Node::start(setup, failed)).await;
            Ok::<_, StartError>((home, node.map_err(StartError::Node)?))
        })?;
        receiver.with(|it| *it = Some(node.clone()));
        Ok(Self { runtime, node, receiver, home, appender, log })
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What its tasks have in common.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The threads that its tasks run on.
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// A way in for clients.
    pub fn client(&self) -> Client {
        Client::new(&self.node, Arc::new(SystemClock))
    }

    /// Ends it: first others lead what it leads, if there are any, then tasks end, then the log with all
    /// that was submitted, then the rows.
    pub fn stop(self) {
        self.runtime.block_on(self.home.scope(self.node.leave()));
        self.node.kill();
        self.receiver.with(Option::take);
        self.runtime.shutdown_timeout(STOP_PATIENCE);
        self.log.stop(&self.appender);
    }
}

/// Opens the rows of a node. A folder that cannot be read is kept under another name: the log, and
/// otherwise other nodes, have what is needed to fill a new one.
fn open_rows(folder: &Path, options: engine_fjall::Options) -> Result<FjallEngine, StartError> {
    match FjallEngine::open(folder, options) {
        Err(EngineError::Unreadable { what }) => {
            let aside = engine_fjall::set_aside(folder)?;
            tracing::error!(what, ?aside, "the rows cannot be read; they begin anew");
            Ok(FjallEngine::open(folder, options)?)
        }
        opened => Ok(opened?),
    }
}

/// Ends the process at once.
pub fn die(what: &str) {
    tracing::error!(what, "this node cannot go on");
    abort()
}
