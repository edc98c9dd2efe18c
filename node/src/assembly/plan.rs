//! What a node is made of.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cluster::executor::Knobs;
use cluster::meta::Member;
use cluster::transport::{NodeId, Transport};
use engine::EngineError;
use entity::registry::Registry;
use quic::endpoint::Deliver;
use quic::identity::IdentityError;
use raft::home::Home;
use raft::machine::Watch;
use raft::timing::Timing;
use wal::LogError;
use wal::folder::Folder;

use super::stamp::StampError;

/// What a node is made of.
pub struct Plan {
    /// Which node.
    pub node: NodeId,
    /// Its name, which its data folder says too.
    pub name: String,
    /// The members that found the meta group. Empty for a node that joins.
    pub founders: Vec<Member>,
    /// The cluster, by its name.
    pub cluster: String,
    /// Its data folder. Rows are in its folder `rows`.
    pub folder: PathBuf,
    /// Where its log is: usually the folder `log` of the data folder.
    pub log: LogFolder,
    /// How rows are kept.
    pub engine: engine_fjall::Options,
    /// Threads that run groups and shards, 1 at least.
    pub threads: usize,
    /// Opens the way to the other nodes.
    pub connect: Connect,
    /// What can be run.
    pub registry: Arc<Registry>,
    /// Limits of the executors.
    pub knobs: Knobs,
    /// Time and sizes of the groups.
    pub timing: Timing,
    /// A node that is silent for so long holds nothing any more.
    pub replace_after: Duration,
    /// How much of the disk it takes, and leaves.
    pub room: Room,
    /// Told of every change of rows.
    pub watch: Watch,
    /// Told when the node cannot go on, and why. What it does from then on cannot be trusted.
    pub on_failure: OnFailure,
}

/// Told when a node cannot go on.
pub type OnFailure = Arc<dyn Fn(&str) + Send + Sync>;

/// Opens the way to the other nodes, as a part of the node, and hands what comes from them to the node.
pub type Connect = Box<dyn FnOnce(&Home, Deliver) -> Result<Arc<dyn Transport>, StartError>>;

/// How much of a disk a node takes, and leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// Bytes of the log above which it is shortened: what a node reads again when it starts.
    pub log_bytes_max: u64,
    /// Below so many bytes free nothing new is taken but what makes room. The engine should refuse below
    /// half of it: what was taken before still finds room.
    pub free_bytes_min: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { log_bytes_max: 512 << 20, free_bytes_min: 1 << 30 }
    }
}

/// Opens the folder of a log.
pub type LogFolder = Box<dyn FnOnce(&Path) -> io::Result<Arc<dyn Folder>>>;

/// Why a node does not start.
#[derive(Debug)]
pub enum StartError {
    /// The data folder is somebody else's, or damaged.
    Stamp(StampError),
    /// The system refuses threads or timers.
    Io(io::Error),
    /// The log is not opened.
    Log(LogError),
    /// The rows are not opened.
    Engine(EngineError),
    /// It cannot prove who it is.
    Identity(IdentityError),
    /// There is no way to the other nodes.
    Connect(quic::endpoint::StartError),
    /// Its supervisor does not start.
    Node(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stamp(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Engine(error) => error.fmt(f),
            Self::Identity(error) => error.fmt(f),
            Self::Connect(error) => write!(f, "there is no way to other nodes: {error}"),
            Self::Node(what) => write!(f, "the node does not start: {what}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StampError> for StartError {
    fn from(error: StampError) -> Self {
        Self::Stamp(error)
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<LogError> for StartError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<EngineError> for StartError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<quic::endpoint::StartError> for StartError {
    fn from(error: quic::endpoint::StartError) -> Self {
        Self::Connect(error)
    }
}

impl From<IdentityError> for StartError {
    fn from(error: IdentityError) -> Self {
        Self::Identity(error)
    }
}
