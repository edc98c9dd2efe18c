//! What is counted while a cluster runs.

use std::io;
use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raft::machine::Changed;
use wal::folder::{File, Folder};

/// Counters of all nodes together.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) commands: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) messages: AtomicU64,
    records: AtomicU64,
    applies: AtomicU64,
    syncs: AtomicU64,
}

/// What the counters say at one moment, or between two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) commands: u64,
    pub(super) errors: u64,
    pub(super) messages: u64,
    /// Records applied, by every replica.
    pub(super) records: u64,
    /// Batches of them.
    pub(super) applies: u64,
    pub(super) syncs: u64,
}

impl Tally {
    /// What they say now.
    pub(super) fn counts(&self) -> Counts {
        let read = |it: &AtomicU64| it.load(Ordering::Relaxed);
        Counts {
            commands: read(&self.commands),
            errors: read(&self.errors),
            messages: read(&self.messages),
            records: read(&self.records),
            applies: read(&self.applies),
            syncs: read(&self.syncs),
        }
    }

    /// Counts the records of a change.
    pub(super) fn changed(&self, changed: &Changed<'_>) {
        let steps = changed.steps.unwrap_or_default();
        let records = steps.iter().filter(|it| it.record.is_some()).count();
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.applies.fetch_add(1, Ordering::Relaxed);
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            commands: self.commands - before.commands,
            errors: self.errors - before.errors,
            messages: self.messages - before.messages,
            records: self.records - before.records,
            applies: self.applies - before.applies,
            syncs: self.syncs - before.syncs,
        }
    }
}

/// A folder whose fsyncs are counted.
pub(super) struct Counted<F> {
    pub(super) folder: F,
    pub(super) tally: Arc<Tally>,
}

struct CountedFile {
    file: Box<dyn File>,
    tally: Arc<Tally>,
}

impl<F: Folder> Folder for Counted<F> {
    fn names(&self) -> io::Result<Vec<String>> {
        self.folder.names()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = self.folder.open(name)?;
        Ok(Box::new(CountedFile { file, tally: Arc::clone(&self.tally) }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.folder.sync()
    }

    fn release_reserve(&self) -> bool {
        self.folder.release_reserve()
    }
}

impl File for CountedFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(at, bytes)
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(at, buffer)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.tally.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync()
    }
}
