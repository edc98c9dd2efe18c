//! What an engine does.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use entity::transaction::Range;

/// A shard's replica on this node, or the directory's.
pub type GroupId = u32;

/// A row: key and value.
pub type Row = (Bytes, Bytes);

/// To which entry of its log the rows of a group correspond.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mark {
    /// Which set of rows this is. A new one begins when a snapshot is installed; none is used twice
    /// on a node, and 0 never.
    pub generation: u32,
    /// Index of the last entry applied. It never falls within a generation.
    pub applied: u64,
    /// Whatever else belongs to that entry. The engine only keeps it. At most
    /// [`crate::limits::DETAIL_BYTES_MAX`] bytes.
    pub detail: Bytes,
}

/// A change of one row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Never empty. At most [`crate::limits::KEY_BYTES_MAX`] bytes.
    pub key: Bytes,
    /// The new value, or that the row is removed. At most [`crate::limits::VALUE_BYTES_MAX`] bytes.
    pub value: Option<Bytes>,
}

/// What entries of the log do to a group: changes in order, and the mark that belongs to them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Applied {
    /// Later changes of a key replace earlier ones.
    pub changes: Vec<Change>,
    /// See [`Mark::applied`]. At least that of the group's mark.
    pub applied: u64,
    /// See [`Mark::detail`].
    pub detail: Bytes,
}

/// How a group was found, or is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// Its rows are those of its mark, but for changes above the mark that a replay repeats.
    Sound(Mark),
    /// Its rows cannot be trusted; why. Install a snapshot of it, or remove it. A group that was
    /// removed before a crash can be among these: remove it again.
    Damaged(String),
}

/// How much an engine has fallen behind its own work in the background.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Pressure {
    /// Applying takes no more than its work.
    None,
    /// The next steps of the background must succeed soon: admit no new commands.
    Rising,
    /// The next [`Engine::apply`] or [`Engine::snapshot`] may sleep until the background has caught up.
    Full,
}

/// Why an engine did not do what it was asked to. Nothing was changed, unless stated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EngineError {
    /// The rows of a group cannot be trusted. Others are not concerned.
    Damaged {
        /// The group.
        group: GroupId,
        /// What was found.
        what: String,
    },
    /// The disk is full. An apply that only removes still passes while it can.
    Full,
    /// Nothing of the folder can be trusted. Set it aside, and install every group anew.
    Unreadable {
        /// What was found.
        what: String,
    },
    /// The engine does nothing any more, and what it did last may have been lost. Open it again.
    Failed {
        /// What went wrong.
        what: String,
    },
}

/// The applied state of all groups of a node.
pub trait Engine: Send + Sync {
    /// Every group there is, in order.
    fn groups(&self) -> Vec<(GroupId, State)>;

    /// How a group is; none when nothing was ever applied to it.
    fn state(&self, group: GroupId) -> Option<State>;

    /// Applies to several groups with one write. For each group rows and mark change together; the
    /// whole is visible when this returns, and not durable. A group that is not there begins.
    ///
    /// # Errors
    /// `Damaged`, if one of the groups is: apply the others without it. `Full`. `Failed`.
    ///
    /// # Panics
    /// When a mark would fall, a group comes twice, or a key is empty: the caller is wrong.
    fn apply(&self, batch: Vec<(GroupId, Applied)>) -> Result<(), EngineError>;

    /// Reads one row. A group that is not there has none.
    ///
    /// # Errors
    /// `Damaged`. `Failed`.
    fn get(&self, group: GroupId, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// Reads the rows of a range as they are at one moment, at most as many as its limit and
    /// [`crate::limits::SCAN_ROWS_MAX`].
    ///
    /// # Errors
    /// `Damaged`. `Failed`.
    fn scan(&self, group: GroupId, range: &Range) -> Result<Vec<Row>, EngineError>;

    /// Makes durable what was applied when the call began. Yields the applied index that is durable
    /// of each sound group: the log may be purged up to there. Takes as long as the disk does.
    ///
    /// # Errors
    /// `Full`. `Failed`.
    fn flush(&self) -> Result<BTreeMap<GroupId, u64>, EngineError>;

    /// A view of a group at one moment. A group that is not there has the mark
    /// [`Mark::default`] and no rows. Old rows are kept as long as the view lives. Waits for whoever
    /// writes.
    ///
    /// # Errors
    /// `Damaged`. `Failed`.
    fn snapshot(&self, group: GroupId) -> Result<Box<dyn Snapshot>, EngineError>;

    /// Begins a new generation of a group, which nobody sees. A damaged group may have one.
    ///
    /// # Errors
    /// `Full`. `Failed`.
    fn install(&self, group: GroupId) -> Result<Box<dyn Install>, EngineError>;

    /// Forgets a group and its damage. One that is not there may be removed. Durable before it
    /// returns; the rows leave the disk in the background.
    ///
    /// # Errors
    /// `Failed`.
    fn remove(&self, group: GroupId) -> Result<(), EngineError>;

    /// Why it does nothing any more, if so: whoever runs it has to open it again.
    fn failure(&self) -> Option<String>;

    /// Whether applying is about to become slow. Costs a microsecond: ask before each batch.
    fn pressure(&self) -> Pressure;
}

/// A view of a group at one moment, read once from the first row to the last.
pub trait Snapshot: Send {
    /// The mark of that moment.
    fn mark(&self) -> &Mark;

    /// The next rows in the order of keys, at most `bytes_max` bytes of them but at least one; none
    /// at the end. More than [`crate::limits::CHUNK_BYTES_MAX`] bytes are never yielded at once.
    ///
    /// # Errors
    /// `Damaged`. `Failed`.
    fn next_chunk(&mut self, bytes_max: usize) -> Result<Option<Vec<Row>>, EngineError>;
}

/// A generation in the making. Dropped, it leaves nothing that could be seen.
pub trait Install: Send {
    /// Adds rows. They may come in any order; a later row replaces an earlier one.
    ///
    /// # Errors
    /// `Full`. `Failed`.
    fn put(&mut self, rows: Vec<Row>) -> Result<(), EngineError>;

    /// Makes the rows the group's, in place of all it had; durable before it returns. The mark may
    /// be older than the one before. The old rows leave the disk in the background.
    ///
    /// # Errors
    /// `Full`, `Failed`: the group is as it was before, or the new one after the next open.
    fn finish(self: Box<Self>, applied: u64, detail: Bytes) -> Result<(), EngineError>;
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { group, what } => {
                write!(f, "group {group} is damaged ({what}): install a snapshot of it")
            }
            Self::Full => write!(f, "the disk is full: free space, then try again"),
            Self::Unreadable { what } => {
                write!(
                    f,
                    "the folder is unreadable ({what}): set it aside, then install all groups"
                )
            }
            Self::Failed { what } => {
                write!(f, "the engine has failed ({what}): open it again, then replay the log")
            }
        }
    }
}

impl std::error::Error for EngineError {}
