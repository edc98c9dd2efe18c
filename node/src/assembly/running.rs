//! The threads of a node, its start and its end.

use std::process::abort;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cluster::meta::Member;
use engine::Engine;
use engine_fjall::FjallEngine;
use entity::Time;
use raft::home::{Drift, Home};
use raft::offload::Offload;
use runtime::client::Client;
use runtime::clock::Clock;
use runtime::node::{Node, Setup};
use tokio::runtime::{Builder, Handle, Runtime};
use wal::Appender;
use wal::thread::WriterThread;

use super::disk;
use super::plan::{Plan, StartError};
use super::stamp::Stamp;
use crate::world;

/// Most threads that wait for the disk on behalf of groups: flushes, installs, applies that the engine
/// holds back.
const DISK_THREADS_MAX: usize = 4;

/// How long work that waits for the disk may take when a node stops, before it is left alone.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of the log above which it is shortened: what a node reads again when it starts.
const LOG_BYTES_MAX: u64 = 512 << 20;

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
    home: Home,
    appender: Appender,
    log: WriterThread,
}

/// The clock of this machine.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        world::now()
    }
}

impl Running {
    /// Opens what a node has stored, and starts it. Call it outside of every runtime. A log that cannot
    /// be written and a node that cannot go on end the process.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing runs then.
    pub fn start(plan: Plan) -> Result<Self, StartError> {
        let node = format!("n{}", plan.node.0);
        let disk = u128::from(world::chance()) << 64 | u128::from(world::chance());
        Stamp::check(&plan.folder, (&plan.cluster, &node), disk)?;
        let rows = plan.folder.join("rows");
        let engine: Arc<dyn Engine> = Arc::new(FjallEngine::open(&rows, plan.engine)?);
        let log = (plan.log)(&plan.folder.join("log"))?;
        let (appender, writer, recovered) = wal::open(&log, &wal::Options::default(), || {})?;
        let log = WriterThread::start(writer, |error| die(&format!("the log: {error}")))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(plan.threads)
            .max_blocking_threads(DISK_THREADS_MAX)
            .thread_name(format!("node-{}", plan.node.0))
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let (home, node) = runtime.block_on(async {
            let home = Home::new(world::chance(), Drift::default());
            let is_storage_full = Arc::new(AtomicBool::new(false));
            let watched = Arc::clone(&is_storage_full);
            home.spawn(disk::watch(home.clone(), plan.folder.clone(), watched));
            let setup = Setup {
                node: plan.node,
                meta: Member { node: plan.node.0, life: 1 },
                founders: plan.founders,
                home: home.clone(),
                transport: plan.transport,
                clock: Arc::new(SystemClock),
                appender: appender.clone(),
                is_log_broken: !recovered.damage.is_empty(),
                engine,
                offload: Offload::to(move |work| drop(handle.spawn_blocking(work))),
                registry: plan.registry,
                knobs: plan.knobs,
                timing: plan.timing,
                replace_after: plan.replace_after,
                is_storage_full: Arc::clone(&is_storage_full),
                log_bytes_max: LOG_BYTES_MAX,
                watch: plan.watch,
            };
            let node = home.scope(Node::start(setup, || die("supervision has given up"))).await;
            (home, node)
        });
        Ok(Self { runtime, node: node.map_err(StartError::Node)?, home, appender, log })
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

    /// Ends it: tasks first, then the log with all that was submitted, then the rows.
    pub fn stop(self) {
        self.node.kill();
        self.runtime.shutdown_timeout(STOP_PATIENCE);
        self.log.stop(&self.appender);
    }
}

/// Ends the process at once: what it would do from now on could not be trusted.
fn die(what: &str) {
    tracing::error!(what, "this node cannot go on");
    abort()
}
