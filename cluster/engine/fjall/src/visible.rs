//! What readers see: every group, and a view of their rows at the same moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{EngineError, GroupId, Mark, State};
use fjall::Snapshot;

use crate::buffer::Buffer;

/// Every group, and a view of their rows.
///
/// The view is taken while nobody writes. A flush or compaction of fjall that ends during a batch
/// makes half of it visible to views taken then: it raises the visible sequence number past the one
/// that the batch has taken already.
pub(crate) struct Visible {
    pub(crate) groups: BTreeMap<GroupId, Live>,
    pub(crate) view: Arc<Snapshot>,
}

/// A group while the engine is open.
#[derive(Debug)]
pub(crate) enum Live {
    Sound(Sound),
    Damaged {
        what: String,
        /// The generation to sweep once it is replaced, if there is one.
        generation: Option<u32>,
    },
}

/// A group whose rows can be trusted.
#[derive(Debug)]
pub(crate) struct Sound {
    pub(crate) mark: Mark,
    /// The highest index that is known to be durable.
    pub(crate) durable: u64,
    /// What is newer than the view.
    pub(crate) buffer: Buffer,
}

/// What a reader sees of a group.
pub(crate) struct Seen<T> {
    pub(crate) mark: Mark,
    /// What was found in its buffer.
    pub(crate) newer: T,
    /// All that is not in the buffer.
    pub(crate) older: Arc<Snapshot>,
}

impl Visible {
    /// A group that can be trusted; none if it is not there.
    pub(crate) fn sound(&self, group: GroupId) -> Result<Option<&Sound>, EngineError> {
        match self.groups.get(&group) {
            None => Ok(None),
            Some(Live::Sound(sound)) => Ok(Some(sound)),
            Some(Live::Damaged { what, .. }) => {
                Err(EngineError::Damaged { group, what: what.clone() })
            }
        }
    }
}

impl Live {
    pub(crate) fn sound(mark: Mark, durable: u64) -> Self {
        Self::Sound(Sound { mark, durable, buffer: Buffer::default() })
    }

    pub(crate) fn state(&self) -> State {
        match self {
            Self::Sound(sound) => State::Sound(sound.mark.clone()),
            Self::Damaged { what, .. } => State::Damaged(what.clone()),
        }
    }

    pub(crate) fn generation(&self) -> Option<u32> {
        match self {
            Self::Sound(sound) => Some(sound.mark.generation),
            Self::Damaged { generation, .. } => *generation,
        }
    }
}
