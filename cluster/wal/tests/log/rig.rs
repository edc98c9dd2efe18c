//! A log with a model beside it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use wal::folder::Folder;
use wal::memory::MemoryFolder;
use wal::{Appender, GroupId, LogError, Options, Recovered, Write, Writer};

/// Small segments, and hardly anything in memory.
pub(crate) const SMALL: Options = Options { segment_bytes: 1_500, tail_bytes: 200 };

/// Splitmix64.
pub(crate) struct Chance(pub u64);

impl Chance {
    pub(crate) fn below(&mut self, max: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % max
    }
}

/// What a group should be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Model {
    pub label: Option<Bytes>,
    pub vote: Option<Bytes>,
    pub committed: Option<Bytes>,
    pub purged: Option<(u64, Bytes)>,
    pub entries: BTreeMap<u64, Bytes>,
}

pub(crate) type Models = BTreeMap<GroupId, Model>;

impl Model {
    pub(crate) fn next(&self) -> u64 {
        let last = self.entries.last_key_value().map(|(index, _)| *index);
        last.or(self.purged.as_ref().map(|(index, _)| *index)).map_or(0, |it| it + 1)
    }

    pub(crate) fn apply(&mut self, write: &Write) {
        match write {
            Write::Append { first, entries } => {
                self.entries.extend((*first..).zip(entries.iter().cloned()));
            }
            Write::Label(label) => self.label = Some(label.clone()),
            Write::Vote(vote) => self.vote = Some(vote.clone()),
            Write::Committed(committed) => self.committed = Some(committed.clone()),
            Write::Truncate { after } => {
                let from = after.map_or(0, |it| it + 1);
                self.entries.split_off(&from);
            }
            Write::Purge { upto, mark } => {
                self.entries = self.entries.split_off(&(upto + 1));
                self.purged = Some((*upto, mark.clone()));
            }
            Write::Reset => *self = Self::default(),
        }
    }
}

/// A write that fits to what is there.
pub(crate) fn draw(chance: &mut Chance, model: &Model) -> Write {
    let text = |chance: &mut Chance| {
        let length = usize::try_from(chance.below(120)).unwrap();
        Bytes::from(vec![b'a' + u8::try_from(chance.below(26)).unwrap(); length])
    };
    let next = model.next();
    let first = model.entries.first_key_value().map_or(next, |(index, _)| *index);
    match chance.below(20) {
        0 => Write::Vote(text(chance)),
        7 => Write::Label(text(chance)),
        1 => Write::Committed(text(chance)),
        2 if next > first => {
            let cut = first + chance.below(next - first + 1);
            Write::Truncate { after: cut.checked_sub(1) }
        }
        3 | 4 if next > first => {
            Write::Purge { upto: first + chance.below(next - first), mark: text(chance) }
        }
        5 if chance.below(8) == 0 => Write::Purge { upto: next + 3, mark: text(chance) },
        6 if chance.below(12) == 0 => Write::Reset,
        _ => {
            let entries = (0..=chance.below(4)).map(|_| text(chance)).collect();
            Write::Append { first: next, entries }
        }
    }
}

pub(crate) struct Rig {
    pub appender: Appender,
    pub writer: Writer,
    pub recovered: Recovered,
}

impl Rig {
    pub(crate) fn open(folder: &Arc<dyn Folder>, options: &Options) -> Result<Self, LogError> {
        let (appender, writer, recovered) = wal::open(folder, options, || {})?;
        Ok(Self { appender, writer, recovered })
    }

    /// Submits, writes and syncs.
    pub(crate) fn write(&mut self, writes: Vec<(GroupId, Write)>) -> io::Result<()> {
        let done = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&done);
        let tell = move |result: io::Result<()>| told.store(result.is_ok(), Ordering::Relaxed);
        self.appender.submit(writes, Box::new(tell))?;
        self.writer.write()?;
        assert!(!done.load(Ordering::Relaxed), "nothing is durable before the fsync");
        self.writer.sync()?;
        assert!(done.load(Ordering::Relaxed));
        Ok(())
    }

    /// What a group is.
    pub(crate) fn model(&self, group: GroupId) -> io::Result<Model> {
        let log = self.appender.group(group);
        let first = log.first_index().unwrap_or(0);
        let end = log.last_index().map_or(0, |it| it + 1);
        let mut entries = BTreeMap::new();
        let mut next = first;
        while next < end {
            let read = log.read(next..end, 300)?;
            assert!(!read.is_empty(), "there is an entry at {next}");
            next = read.last().unwrap().0 + 1;
            entries.extend(read);
        }
        assert!(entries.keys().copied().eq(first..end), "no hole");
        Ok(Model {
            label: log.label(),
            vote: log.vote(),
            committed: log.committed(),
            purged: log.purged(),
            entries,
        })
    }
}

/// Groups of a log.
pub(crate) const GROUPS: u32 = 4;

pub(crate) fn memory(folder: &MemoryFolder) -> Arc<dyn Folder> {
    Arc::new(folder.clone())
}

pub(crate) fn append(first: u64, text: &str) -> Write {
    Write::Append { first, entries: vec![Bytes::copy_from_slice(text.as_bytes())] }
}

pub(crate) fn check(rig: &Rig, models: &Models) {
    for group in 0..GROUPS {
        let expected = models.get(&group).cloned().unwrap_or_default();
        assert_eq!(rig.model(group).unwrap(), expected, "group {group}");
    }
}

/// Writes by chance, with the model; now and then the log is opened again.
pub(crate) fn live(folder: &Arc<dyn Folder>, seed: u64, steps: usize, reopens: bool) -> Models {
    let (mut chance, mut models) = (Chance(seed), Models::new());
    let mut rig = Rig::open(folder, &SMALL).unwrap();
    for _ in 0..steps {
        let mut writes = Vec::new();
        for _ in 0..=chance.below(3) {
            let group = u32::try_from(chance.below(u64::from(GROUPS))).unwrap();
            let model = models.entry(group).or_default();
            let write = draw(&mut chance, model);
            model.apply(&write);
            writes.push((group, write));
        }
        rig.write(writes).unwrap();
        if reopens && chance.below(10) == 0 {
            rig = Rig::open(folder, &SMALL).unwrap();
            assert_eq!(rig.recovered.damage, [], "seed {seed}");
        }
        check(&rig, &models);
    }
    models
}
