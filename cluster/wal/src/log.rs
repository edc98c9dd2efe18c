//! The log: what is written, in which segment, and what is durable.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::folder::File;
use crate::group::{GroupLog, Place, Small};
use crate::record::{self, Kind, Record, SEGMENT_HEADER_BYTES};
use crate::segments::{self, SegmentId, Segments};
use crate::{GroupId, Write};

/// What a checkpoint says of a group that is damaged: it stays so until it is reset.
pub(crate) const DAMAGED: Bytes = Bytes::from_static(b"damaged");

/// A write with the state it was submitted in.
pub(crate) struct Submitted {
    pub(crate) log: GroupLog,
    pub(crate) write: Write,
    /// Truncations of the group before it.
    pub(crate) cuts: u64,
    /// Entries that are needed no more once it is durable.
    pub(crate) gone: Vec<Place>,
}

/// What has been written of a group, which may be behind what readers see.
#[derive(Default)]
pub(crate) struct Written {
    /// Number of the last record.
    pub(crate) number: u64,
    pub(crate) small: Small,
    pub(crate) is_damaged: bool,
}

/// Writes batches. There is one per folder.
pub(crate) struct Files {
    pub(crate) segments: Arc<Segments>,
    pub(crate) segment_bytes: u64,
    pub(crate) current: SegmentId,
    pub(crate) file: Arc<dyn File>,
    /// Where the next batch goes.
    pub(crate) at: u64,
    /// Number of the last batch.
    pub(crate) batch: u64,
    /// What has been written of each group.
    pub(crate) groups: BTreeMap<GroupId, Written>,
    /// Entries that are needed no more once what has been written is durable.
    pub(crate) gone: Vec<Place>,
    /// Whether the last batch says nothing but that all before is durable.
    pub(crate) is_marked: bool,
}

impl Files {
    /// Writes a batch. It is durable after [`Files::sync`].
    pub(crate) fn write(&mut self, writes: &[Submitted]) -> io::Result<()> {
        if self.at >= self.segment_bytes || probe::buggify!(SegmentEndsEarly) {
            self.roll()?;
        }
        let (mut records, mut places) = (Vec::new(), Vec::new());
        for submitted in writes {
            self.put(submitted, &mut records, &mut places);
            self.gone.extend(&submitted.gone);
        }
        let at = self.write_batch(&records)?;
        for (record, log, cuts) in places {
            let (record, offset): (&Record, usize) = (&records[record], at.1[record]);
            let at = u32::try_from(at.0 + offset as u64).expect("segments are below 4 GiB");
            let length = u32::try_from(record.payload.len()).expect("checked when submitted");
            let place = Place { segment: self.current, at, length };
            GroupLog::written(log, record.index, cuts, place);
            log.trim();
        }
        self.is_marked = false;
        Ok(())
    }

    fn put<'a>(
        &mut self,
        submitted: &'a Submitted,
        records: &mut Vec<Record>,
        places: &mut Vec<(usize, &'a GroupLog, u64)>,
    ) {
        let group = submitted.log.group;
        let written = self.groups.entry(group).or_default();
        written.small.apply(&submitted.write);
        let mut record = |kind, index, payload: &Bytes| {
            written.number = written.number.wrapping_add(1);
            let (number, payload) = (written.number, payload.clone());
            records.push(Record { group, number, kind, index, payload });
        };
        let nothing = Bytes::new();
        match &submitted.write {
            Write::Append { first, entries } => {
                for (index, entry) in (*first..).zip(entries) {
                    record(Kind::Entry, index, entry);
                }
                let from = records.len() - entries.len();
                let place = |it| (it, &submitted.log, submitted.cuts);
                places.extend((from..records.len()).map(place));
            }
            Write::Label(label) => record(Kind::Label, 0, label),
            Write::Vote(vote) => record(Kind::Vote, 0, vote),
            Write::Committed(committed) => record(Kind::Committed, 0, committed),
            Write::Truncate { after } => {
                record(Kind::Truncate, after.map_or(0, |it| it.saturating_add(1)), &nothing);
            }
            Write::Purge { upto, mark } => record(Kind::Purge, *upto, mark),
            Write::Reset => {
                record(Kind::Reset, 0, &nothing);
                written.is_damaged = false;
            }
        }
    }

    /// Yields where the batch begins, and where in it each record does.
    fn write_batch(&mut self, records: &[Record]) -> io::Result<(u64, Vec<usize>)> {
        let (bytes, places) = record::batch(self.batch.wrapping_add(1), records);
        let at = self.at;
        self.put_bytes(&bytes)?;
        self.batch = self.batch.wrapping_add(1);
        self.at += bytes.len() as u64;
        self.segments.grow(self.current, self.at);
        Ok((at, places))
    }

    /// Writes where the next batch goes. A full disk gets its reserve back, once.
    fn put_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Err(error) = self.file.write_at(self.at, bytes) else { return Ok(()) };
        if error.kind() != io::ErrorKind::StorageFull {
            return Err(error);
        }
        self.file.truncate(self.at)?;
        if !self.segments.folder.release_reserve() {
            return Err(error);
        }
        self.file.write_at(self.at, bytes)
    }

    /// Begins a segment, with all that is small of every group: nothing but entries binds those before.
    pub(crate) fn roll(&mut self) -> io::Result<()> {
        if self.is_marked {
            // It stays where it is: the segment ends with it.
            self.file.sync()?;
            self.batch = self.batch.wrapping_add(1);
            self.is_marked = false;
        }
        self.open(self.current + 1)?;
        let mut records = Vec::new();
        for (group, written) in &mut self.groups {
            written.number = written.number.wrapping_add(1);
            let payload = if written.is_damaged { DAMAGED } else { written.small.encode() };
            let (group, number) = (*group, written.number);
            records.push(Record { group, number, kind: Kind::Checkpoint, index: 0, payload });
        }
        self.write_batch(&records)?;
        self.file.sync()
    }

    fn open(&mut self, id: SegmentId) -> io::Result<()> {
        let file: Arc<dyn File> = self.segments.folder.open(&segments::name(id))?.into();
        file.truncate(0)?;
        (self.file, self.at) = (Arc::clone(&file), 0);
        self.put_bytes(&record::segment_header(u64::from(id)))?;
        // Sound before anything follows it: a broken header is damage then, not a crash.
        file.sync()?;
        self.segments.folder.sync()?;
        self.segments.add(id, file, SEGMENT_HEADER_BYTES as u64);
        (self.current, self.at) = (id, SEGMENT_HEADER_BYTES as u64);
        Ok(())
    }

    /// Makes all batches durable. Not before may go what they made unnecessary.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.segments.free(std::mem::take(&mut self.gone));
        self.segments.remove_old(self.current)
    }

    /// Says that all before is durable, with an empty batch that nobody waits for; the next batch takes
    /// its place. Without it a flipped bit in the last batch could be taken for one that the disk did
    /// not finish.
    pub(crate) fn mark(&mut self) -> io::Result<()> {
        if !self.is_marked {
            let (bytes, _) = record::batch(self.batch.wrapping_add(1), &[]);
            self.put_bytes(&bytes)?;
            self.is_marked = true;
        }
        Ok(())
    }
}
