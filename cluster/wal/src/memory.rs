//! A folder in memory: what an fsync has covered survives a crash, the rest may not. What was cut may be
//! there again, too.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::folder::{File, Folder};
use crate::shared::Shared;

/// What a disk writes as one.
pub const SECTOR_BYTES: usize = 512;

/// Chooses a number below its argument, which is at least 1.
pub type Choose<'a> = &'a mut dyn FnMut(u64) -> u64;

/// A folder in memory. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct MemoryFolder(Arc<Shared<Disk>>);

#[derive(Default)]
struct Disk {
    files: BTreeMap<String, Content>,
    /// Files that were removed, and may be there again after a crash.
    removed: BTreeMap<String, Content>,
    capacity: Option<u64>,
    reserve: bool,
    failing_syncs: u32,
    is_halted: bool,
    /// How much is done before it halts.
    left: Option<u64>,
    trace: Option<Vec<Step>>,
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    /// Everything before is durable.
    durable: usize,
    /// Writes behind it, in order: where, how many bytes.
    pending: Vec<(usize, usize)>,
    /// What was there before the file was cut, until an fsync covers that.
    uncut: Option<Box<Content>>,
    /// Whether the folder was synced since it was made.
    is_listed: bool,
}

/// Something that was done to a folder.
#[derive(Clone, Debug)]
pub enum Step {
    /// A file was opened, and made if it was not there.
    Open(String),
    /// Bytes were written at an offset.
    Write(String, u64, Vec<u8>),
    /// A file was cut.
    Truncate(String, u64),
    /// A file was synced.
    Sync(String),
    /// A file was removed.
    Remove(String),
    /// The folder was synced.
    SyncFolder,
}

impl MemoryFolder {
    /// Keeps what is done from now on.
    pub fn record(&self) {
        self.0.with(|disk| disk.trace = Some(Vec::new()));
    }

    /// What was done since [`MemoryFolder::record`].
    pub fn steps(&self) -> Vec<Step> {
        self.0.with(|disk| disk.trace.clone().unwrap_or_default())
    }

    /// This folder, after these things were done to it.
    ///
    /// # Panics
    ///
    /// When they cannot be done to it.
    #[must_use]
    pub fn after(self, steps: &[Step]) -> Self {
        for step in steps {
            let open = |name: &str| self.open(name).expect("nothing fails here");
            let done = match step {
                Step::Open(name) => self.open(name).map(drop),
                Step::Write(name, at, bytes) => open(name).write_at(*at, bytes),
                Step::Truncate(name, length) => open(name).truncate(*length),
                Step::Sync(name) => open(name).sync(),
                Step::Remove(name) => self.remove(name),
                Step::SyncFolder => Folder::sync(&self),
            };
            done.expect("nothing fails here");
        }
        self
    }

    /// Halts the folder, and yields what is there after the power is back: each write that no fsync
    /// has covered may be there, or not, or as far as the disk came.
    #[must_use]
    pub fn crash(&self, choose: Choose<'_>) -> Self {
        let (mut files, removed) = self.0.with(|disk| {
            disk.is_halted = true;
            (disk.files.clone(), disk.removed.clone())
        });
        files.retain(|_, content| content.is_listed || choose(2) == 0);
        for (name, content) in removed {
            if !files.contains_key(&name) && choose(2) == 0 {
                files.insert(name, content);
            }
        }
        for content in files.values_mut() {
            content.crash(choose);
        }
        Self(Arc::new(Shared::new(Disk { files, ..Disk::default() })))
    }

    /// A folder of its own with the same files, all of it durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut files = self.0.with(|disk| disk.files.clone());
        for content in files.values_mut() {
            content.settle();
            content.is_listed = true;
        }
        Self(Arc::new(Shared::new(Disk { files, ..Disk::default() })))
    }

    /// Nothing can be done any more.
    pub fn halt(&self) {
        self.0.with(|disk| disk.is_halted = true);
    }

    /// Nothing can be done any more after `count` more things were done.
    pub fn halt_after(&self, count: u64) {
        self.0.with(|disk| disk.left = Some(count));
    }

    /// Whether nothing can be done any more.
    pub fn is_halted(&self) -> bool {
        self.0.with(|disk| disk.is_halted)
    }

    /// Lets the next `count` fsyncs fail.
    pub fn fail_syncs(&self, count: u32) {
        self.0.with(|disk| disk.failing_syncs = count);
    }

    /// How many bytes fit on the disk; a reserve makes one write possible that does not fit.
    pub fn limit(&self, capacity: Option<u64>, reserve: bool) {
        self.0.with(|disk| (disk.capacity, disk.reserve) = (capacity, reserve));
    }

    /// Whether anything was written that no fsync has covered.
    pub fn has_pending(&self) -> bool {
        self.0.with(|disk| disk.files.values().any(|it| !it.is_settled()))
    }

    /// Bytes in all files.
    pub fn bytes(&self) -> u64 {
        self.0.with(|disk| disk.bytes())
    }

    /// Flips bits of a byte. Yields whether there is such a byte.
    pub fn flip(&self, name: &str, at: u64, mask: u8) -> bool {
        self.0.with(|disk| {
            let at = usize::try_from(at).expect("fits into memory");
            let byte = disk.files.get_mut(name).and_then(|it| it.bytes.get_mut(at));
            byte.map(|it| *it ^= mask).is_some()
        })
    }

    /// A write that went astray: a sector, or less of it, stands in another place of its file too.
    pub fn misdirect(&self, name: &str, from: u64, to: u64) {
        self.0.with(|disk| {
            let Some(content) = disk.files.get_mut(name) else { return };
            let (from, to, end) = (place(from), place(to), content.bytes.len());
            let length = SECTOR_BYTES.min(end.saturating_sub(from)).min(end.saturating_sub(to));
            content.bytes.copy_within(from..from + length, to);
        });
    }

    fn run<T>(
        &self,
        step: impl FnOnce() -> Step,
        work: impl FnOnce(&mut Disk) -> io::Result<T>,
    ) -> io::Result<T> {
        self.0.with(|disk| {
            disk.is_halted |= disk.left == Some(0);
            disk.left = disk.left.map(|it| it.saturating_sub(1));
            if disk.is_halted {
                return Err(io::Error::other("the power is off"));
            }
            if let Some(trace) = &mut disk.trace {
                trace.push(step());
            }
            work(disk)
        })
    }
}

impl Disk {
    fn bytes(&self) -> u64 {
        self.files.values().map(|it| it.bytes.len() as u64).sum()
    }

    fn content(&mut self, name: &str) -> io::Result<&mut Content> {
        self.files.get_mut(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.failing_syncs > 0 {
            self.failing_syncs -= 1;
            return Err(io::Error::other("the disk does not answer"));
        }
        Ok(())
    }

    fn write(&mut self, name: &str, at: usize, bytes: &[u8]) -> io::Result<()> {
        let free = self.capacity.map_or(u64::MAX, |it| it.saturating_sub(self.bytes()));
        let content = self.content(name)?;
        let grows = (at + bytes.len()).saturating_sub(content.bytes.len());
        if grows as u64 > free {
            // What fits is written all the same.
            let fits = bytes.len() - grows + usize::try_from(free).unwrap_or(usize::MAX);
            content.write(at, &bytes[..fits]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        content.write(at, bytes);
        Ok(())
    }
}

impl Content {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        assert!(at >= self.durable, "what is durable is never written again");
        let end = (at + bytes.len()).max(self.bytes.len());
        self.bytes.resize(end, 0);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.pending.push((at, bytes.len()));
    }

    fn cut(&mut self, length: usize) {
        if length < self.bytes.len() && self.uncut.is_none() {
            self.uncut = Some(Box::new(self.clone()));
        }
        self.bytes.truncate(length);
        self.durable = self.durable.min(length);
        self.pending.retain(|(at, bytes)| at + bytes <= length);
    }

    fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.uncut.is_none()
    }

    /// All of it is durable from now on.
    fn settle(&mut self) {
        self.durable = self.bytes.len();
        self.pending.clear();
        self.uncut = None;
    }

    fn crash(&mut self, choose: Choose<'_>) {
        self.is_listed = true;
        if let Some(uncut) = self.uncut.take()
            && choose(2) == 0
        {
            // The disk did not come to the cut, nor to what was written after it.
            *self = Self { is_listed: true, ..*uncut };
        }
        self.keep_some(choose);
        self.settle();
    }

    /// Each write that no fsync has covered may be there, or not, or as far as the disk came.
    fn keep_some(&mut self, choose: Choose<'_>) {
        let (seen, pending) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.pending));
        self.bytes = seen[..self.durable].to_vec();
        for (at, length) in pending {
            let kept = match choose(3) {
                0 => 0,
                1 => length,
                _ => {
                    let sectors = length.div_ceil(SECTOR_BYTES) as u64;
                    let sectors = usize::try_from(choose(sectors + 1)).expect("a few");
                    (sectors * SECTOR_BYTES).min(length)
                }
            };
            if kept > 0 {
                self.write(at, &seen[at..at + kept]);
            }
        }
    }
}

impl Folder for MemoryFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.with(|disk| disk.files.keys().cloned().collect()))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.run(
            || Step::Open(name.to_owned()),
            |disk| {
                disk.files.entry(name.to_owned()).or_default();
                Ok(())
            },
        )?;
        Ok(Box::new(MemoryFile { folder: self.clone(), name: name.to_owned() }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.run(
            || Step::Remove(name.to_owned()),
            |disk| {
                let content = disk.files.remove(name).ok_or(io::ErrorKind::NotFound)?;
                if content.is_listed {
                    disk.removed.insert(name.to_owned(), content);
                }
                Ok(())
            },
        )
    }

    fn sync(&self) -> io::Result<()> {
        self.run(
            || Step::SyncFolder,
            |disk| {
                disk.sync()?;
                disk.removed.clear();
                disk.files.values_mut().for_each(|it| it.is_listed = true);
                Ok(())
            },
        )
    }

    fn release_reserve(&self) -> bool {
        /// What the reserve of a memory folder holds.
        const BYTES: u64 = 1 << 20;
        self.0.with(|disk| {
            let was_there = std::mem::take(&mut disk.reserve);
            if was_there {
                disk.capacity = disk.capacity.map(|it| it + BYTES);
            }
            was_there
        })
    }
}

struct MemoryFile {
    folder: MemoryFolder,
    name: String,
}

fn place(at: u64) -> usize {
    usize::try_from(at).expect("fits into memory")
}

impl File for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        self.folder.0.with(|disk| disk.content(&self.name).map(|it| it.bytes.len() as u64))
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let step = || Step::Write(self.name.clone(), at, bytes.to_vec());
        self.folder.run(step, |disk| disk.write(&self.name, place(at), bytes))
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.folder.0.with(|disk| {
            let content = &disk.content(&self.name)?.bytes;
            let from = &content[place(at).min(content.len())..];
            let length = from.len().min(buffer.len());
            buffer[..length].copy_from_slice(&from[..length]);
            Ok(length)
        })
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let step = || Step::Truncate(self.name.clone(), length);
        self.folder.run(step, |disk| {
            disk.content(&self.name)?.cut(place(length));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.folder.run(
            || Step::Sync(self.name.clone()),
            |disk| {
                disk.sync()?;
                disk.content(&self.name)?.settle();
                Ok(())
            },
        )
    }
}
