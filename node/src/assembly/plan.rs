//! What a node is made of.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cluster::executor::Knobs;
use cluster::meta::Member;
use cluster::transport::{NodeId, Transport};
use engine::EngineError;
use entity::registry::Registry;
use raft::machine::Watch;
use raft::timing::Timing;
use wal::LogError;
use wal::folder::Folder;

/// What a node is made of.
pub struct Plan {
    /// Which node.
    pub node: NodeId,
    /// The members that found the meta group. Empty for a node that joins.
    pub founders: Vec<Member>,
    /// Where its rows are.
    pub rows: PathBuf,
    /// Where its log is.
    pub log: Arc<dyn Folder>,
    /// How rows are kept.
    pub engine: engine_fjall::Options,
    /// Threads that run groups and shards, 1 at least.
    pub threads: usize,
    /// The way to the other nodes.
    pub transport: Arc<dyn Transport>,
    /// What can be run.
    pub registry: Arc<Registry>,
    /// Limits of the executors.
    pub knobs: Knobs,
    /// Time and sizes of the groups.
    pub timing: Timing,
    /// A node that is silent for so long holds nothing any more.
    pub replace_after: Duration,
    /// Told of every change of rows.
    pub watch: Watch,
}

/// Why a node does not start.
#[derive(Debug)]
pub enum StartError {
    /// The system refuses threads or timers.
    Io(io::Error),
    /// The log is not opened.
    Log(LogError),
    /// The rows are not opened.
    Engine(EngineError),
    /// Its supervisor does not start.
    Node(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Engine(error) => error.fmt(f),
            Self::Node(what) => write!(f, "the node does not start: {what}"),
        }
    }
}

impl std::error::Error for StartError {}

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
