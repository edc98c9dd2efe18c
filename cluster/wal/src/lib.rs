//! The log of a node: one segmented write-ahead file that all its Raft groups share.
//!
//! One fsync makes durable whatever waits, of all groups. What an fsync has covered is found again, or
//! its loss is reported: nothing is ever cut silently but a last batch that nobody was told of.
//!
//! In reading order:
//!
//! | module       | says                                                             |
//! |--------------|------------------------------------------------------------------|
//! | [`appender`] | submitting writes, and writing them out                          |
//! | [`group`]    | what readers see of a group                                      |
//! | `log`        | what goes into which segment                                     |
//! | `recover`    | opening: what is cut, what is damage, and whose                  |
//! | `segments`   | the files, and which of them are still needed                    |
//! | [`record`]   | the format                                                       |
//! | [`folder`]   | the port to files                                                |
//! | [`disk`]     | files of a real disk                                             |
//! | [`memory`]   | files in memory, with crashes and faults                         |
//! | [`thread`]   | the writer on a thread of its own                                |

pub mod appender;
pub mod disk;
mod face;
pub mod folder;
pub mod group;
#[cfg(test)]
mod hostile;
mod log;
pub mod memory;
pub mod record;
mod recover;
mod segments;
mod shared;
pub mod thread;

pub use appender::{Appender, Writer, open};
pub use face::{Damage, Done, ENTRY_BYTES_MAX, GroupId, LOST, LogError, Options, Recovered, Write};
pub use group::GroupLog;
