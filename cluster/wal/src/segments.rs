//! The files of the log.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::folder::{File, Folder};
use crate::group::Place;
use crate::shared::Shared;

/// Names a segment: they count from 1, and are never used again.
pub(crate) type SegmentId = u32;

/// The segments there are, and how many entries of each are still needed.
pub(crate) struct Segments {
    pub(crate) folder: Arc<dyn Folder>,
    all: Shared<BTreeMap<SegmentId, Segment>>,
}

struct Segment {
    file: Arc<dyn File>,
    needed: u64,
    bytes: u64,
}

pub(crate) fn name(id: SegmentId) -> String {
    format!("{id:016}.log")
}

/// The segment of a name, if it is one of ours.
pub(crate) fn id(name: &str) -> Option<SegmentId> {
    name.strip_suffix(".log").filter(|it| it.len() == 16)?.parse().ok()
}

impl Segments {
    pub(crate) fn new(folder: Arc<dyn Folder>) -> Self {
        Self { folder, all: Shared::default() }
    }

    pub(crate) fn add(&self, id: SegmentId, file: Arc<dyn File>, bytes: u64) {
        self.all.with(|all| all.insert(id, Segment { file, needed: 0, bytes }));
    }

    pub(crate) fn grow(&self, id: SegmentId, bytes: u64) {
        self.all.with(|all| all.get_mut(&id).expect("it is written to").bytes = bytes);
    }

    /// One more entry of a segment is needed.
    pub(crate) fn hold(&self, id: SegmentId) {
        self.all.with(|all| {
            if let Some(segment) = all.get_mut(&id) {
                segment.needed += 1;
            }
        });
    }

    /// Entries are needed no more.
    pub(crate) fn free(&self, places: Vec<Place>) {
        if places.is_empty() {
            return;
        }
        self.all.with(|all| {
            for place in places {
                if let Some(segment) = all.get_mut(&place.segment) {
                    segment.needed -= 1;
                }
            }
        });
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.all.with(|all| all.values().map(|it| it.bytes).sum())
    }

    pub(crate) fn count(&self) -> usize {
        self.all.with(|all| all.len())
    }

    pub(crate) fn read(&self, id: SegmentId, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let file = self.all.with(|all| all.get(&id).map(|it| Arc::clone(&it.file)));
        let file =
            file.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a segment is missing"))?;
        let mut bytes = vec![0; length];
        let read = file.read_at(at, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Removes the oldest segments that nobody needs, but never `current`.
    pub(crate) fn remove_old(&self, current: SegmentId) -> io::Result<()> {
        if probe::buggify!(SegmentsKept) {
            return Ok(());
        }
        while let Some(id) = self.all.with(|all| {
            let (id, segment) = all.first_key_value()?;
            (*id != current && segment.needed == 0).then_some(*id)
        }) {
            // One after the other: after a crash there is never a gap between those that are left.
            self.folder.remove(&name(id))?;
            self.folder.sync()?;
            self.all.with(|all| all.remove(&id));
            probe::sometimes!(SegmentRemoved);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Segments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segments").field("count", &self.count()).finish_non_exhaustive()
    }
}
