//! What is submitted, and what opening tells.

use std::collections::BTreeMap;
use std::{fmt, io};

use bytes::Bytes;

/// A Raft group.
pub type GroupId = u32;

/// Stands for groups of which nothing is left, not even that they were there: it is damaged once any
/// damage was found, in every life from then on. Nothing else is written to it.
pub const LOST: GroupId = GroupId::MAX - 1;

/// Longest entry, vote or mark, in bytes: four times the longest record of a shard.
pub const ENTRY_BYTES_MAX: usize = 4 << 20;

/// A write to the log of one group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Write {
    /// Adds entries behind the last one. Into an empty log of which nothing was purged they may go
    /// anywhere.
    Append {
        /// Index of the first.
        first: u64,
        /// What they hold, each at most [`ENTRY_BYTES_MAX`].
        entries: Vec<Bytes>,
    },
    /// Replaces the vote.
    Vote(Bytes),
    /// Replaces what the owner of the group wants to know of it before all else.
    Label(Bytes),
    /// Replaces what is said to be committed. It never outlives the entries before it.
    Committed(Bytes),
    /// Removes the entries behind an index; all without one.
    Truncate {
        /// The last one that stays.
        after: Option<u64>,
    },
    /// Removes the entries up to an index. The next one goes behind it, if there is none left.
    Purge {
        /// The last one that goes.
        upto: u64,
        /// Whatever belongs to it.
        mark: Bytes,
    },
    /// Forgets everything about the group, and that it is damaged.
    Reset,
}

/// Told once: that a submission is durable, or that the log has failed.
pub type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// How a log is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// A segment is closed above so many bytes.
    pub segment_bytes: u64,
    /// Bytes of entries that stay in memory, of all groups together, more or less.
    pub tail_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, tail_bytes: 64 << 20 }
    }
}

/// What opening has found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recovered {
    /// Groups that have lost something, or may have. They cannot be read or written until a
    /// [`Write::Reset`].
    pub damaged: BTreeMap<GroupId, Damage>,
    /// Every place that is broken, of whichever group.
    pub damage: Vec<Damage>,
    /// Bytes at the end that were cut: nobody was told that they were durable.
    pub cut_bytes: u64,
    /// Segments read.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Records read.
    pub records: u64,
}

impl Recovered {
    /// Whether this log has ever been found to be damaged. A group that should be here and is not may
    /// have lost all then.
    pub fn may_lack_groups(&self) -> bool {
        self.damaged.contains_key(&LOST)
    }
}

/// A place that is broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Damage {
    /// The segment.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// Why a log is not opened.
#[derive(Debug)]
pub enum LogError {
    /// As the system has it.
    Io(io::Error),
    /// A later release has written it.
    Newer {
        /// The segment.
        file: String,
        /// The version of its format.
        version: u32,
    },
    /// A file is no segment of this log, though it is named like one.
    Foreign(String),
}

impl Write {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Append { entries, .. } => entries.iter().map(Bytes::len).sum(),
            Self::Vote(bytes)
            | Self::Label(bytes)
            | Self::Committed(bytes)
            | Self::Purge { mark: bytes, .. } => bytes.len(),
            Self::Truncate { .. } | Self::Reset => 0,
        }
    }
}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.file, self.offset, self.what)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the log cannot be read: {error}"),
            Self::Newer { file, version } => write!(
                f,
                "{file} has format {version}, of a later release: start that release, or an older copy"
            ),
            Self::Foreign(file) => {
                write!(f, "{file} is not a segment of this log: move it away")
            }
        }
    }
}

impl std::error::Error for LogError {}
