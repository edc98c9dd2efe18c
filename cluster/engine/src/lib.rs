//! The port for the applied state of shards, and its form in memory.
//!
//! An engine holds the rows of all groups of a node. The log is the durable truth: an engine may
//! come back from a crash older than it was, and the log is replayed above each group's mark.
//!
//! - [`port`]: what an engine does.
//! - [`keyspace`]: in which keyspace a row is kept.
//! - [`check`]: what its callers must keep to.
//! - [`memory`]: an engine in memory, with faults.
//! - [`conformance`]: what every engine must do, as one suite.

pub mod check;
pub mod conformance;
pub mod keyspace;
pub mod limits;
pub mod memory;
mod mixture;
pub mod port;

pub use memory::{MemoryDisk, MemoryEngine};
pub use port::{
    Applied, Change, Engine, EngineError, GroupId, Install, Mark, Pressure, Row, Snapshot, State,
};
