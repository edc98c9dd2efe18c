//! The applied state of shards in fjall.
//!
//! Nothing is trusted that fjall does not check. Its journal is neither written nor read: what was
//! applied since the last flush comes from our own log. Its manifests are checked here, before it sees
//! them. Its tables carry a checksum per block, which it checks whenever it reads one: rows need none
//! of their own.
//!
//! A group's mark is written with its rows to all three keyspaces, because fjall flushes them one by
//! one. After a crash the oldest of the three holds; what is newer, the replay writes again.
//!
//! - [`engine`]: the engine.
//! - `open`: from a folder to the groups in it; `inspect`, `found`: what is checked on the way.
//! - `apply`, `buffer`: what is applied is gathered in memory before it goes to the memtables.
//! - `visible`: what readers see of all that; `merge`: rows of several sources in one order.
//! - `store`: the three keyspaces, and how they become durable.
//! - `mark`: the form of a mark on disk.
//! - `snapshot`, `install`: a group as a whole, out and in.
//! - `keeper`: what is done in the background; `retired`: memtables that it frees;
//!   `background`: threads that give way.
//! - [`options`]: limits, and how memory is divided.

mod apply;
mod background;
mod buffer;
pub mod engine;
mod fault;
mod found;
mod inspect;
mod install;
mod keeper;
mod mark;
mod merge;
mod open;
pub mod options;
mod retired;
mod shared;
mod snapshot;
mod store;
mod visible;

pub use engine::FjallEngine;
pub use inspect::set_aside;
pub use options::Options;
