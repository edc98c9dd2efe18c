//! Opening: what a crash has left, and what must not be missing.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::folder::{File, Folder};
use crate::group::{GroupLog, Place, Small, State, Tails};
use crate::log::{DAMAGED, Files, Written};
use crate::record::{self, Batch, Beginning, Kind, Record, SEGMENT_HEADER_BYTES};
use crate::segments::{self, SegmentId, Segments};
use crate::shared::Shared;
use crate::{Damage, GroupId, LOST, LogError, Options, Recovered, Write};

/// What was read so far.
pub(crate) struct Recovery {
    groups: BTreeMap<GroupId, Reading>,
    /// Number of the last batch.
    batch: Option<u64>,
    recovered: Recovered,
    is_first_segment: bool,
}

#[derive(Default)]
struct Reading {
    state: State,
    number: u64,
    is_known: bool,
    /// Where its last record was.
    segment: SegmentId,
    /// Something was broken, and no record has shown yet that nothing of this group was lost.
    suspect: Option<Damage>,
    damage: Option<Damage>,
}

/// Where the log goes on.
struct End {
    segment: SegmentId,
    file: Arc<dyn File>,
    at: u64,
    /// Something is behind it that the disk did not finish.
    has_rest: bool,
}

impl End {
    /// Cuts what is behind it. It is gone for good then: no crash brings it back behind what is written
    /// next, or at the end of a segment that others follow.
    fn cut(&self) -> io::Result<()> {
        if !self.has_rest {
            return Ok(());
        }
        self.file.truncate(self.at)?;
        self.file.sync()
    }
}

/// A log that is open: its files, its groups, what they keep in memory, and how it was found.
pub(crate) type Opened = (Files, BTreeMap<GroupId, GroupLog>, Arc<Tails>, Recovered);

/// Opens the log of a folder.
pub(crate) fn open(folder: &Arc<dyn Folder>, options: &Options) -> Result<Opened, LogError> {
    let segments = Arc::new(Segments::new(Arc::clone(folder)));
    let mut recovery = Recovery {
        groups: BTreeMap::new(),
        batch: None,
        recovered: Recovered::default(),
        is_first_segment: true,
    };
    let ids: Vec<_> = folder.names()?.iter().filter_map(|it| segments::id(it)).collect();
    let mut end = None;
    for (place, id) in ids.iter().enumerate() {
        if place > 0 && id.checked_sub(1) != Some(ids[place - 1]) {
            recovery.suspect_all(*id, 0, "a segment before this one is missing");
        }
        let is_last = place + 1 == ids.len();
        if let Some(read) = recovery.segment(&segments, *id, is_last)? {
            end = Some(read);
        }
        recovery.is_first_segment = false;
    }
    recovery.finish(segments, end, options)
}

impl Recovery {
    /// Reads a segment. Yields where it ends; none if it had hardly begun, and is gone.
    fn segment(
        &mut self,
        segments: &Segments,
        id: SegmentId,
        is_last: bool,
    ) -> Result<Option<End>, LogError> {
        let name = segments::name(id);
        let file: Arc<dyn File> = segments.folder.open(&name)?.into();
        let length =
            usize::try_from(file.length()?).map_err(|_large| LogError::Foreign(name.clone()))?;
        let mut bytes = vec![0; length];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        let bytes = Bytes::from(bytes);
        match record::beginning(&bytes) {
            Beginning::Ours(number) if number == u64::from(id) => {}
            Beginning::Newer(version) => return Err(LogError::Newer { file: name, version }),
            Beginning::Foreign | Beginning::Ours(_) => return Err(LogError::Foreign(name)),
            Beginning::Broken if is_last && record::find_batch(&bytes).is_none() => {
                self.recovered.cut_bytes += bytes.len() as u64;
                drop(file);
                segments.folder.remove(&name)?;
                segments.folder.sync()?;
                return Ok(None);
            }
            Beginning::Broken => self.suspect_all(id, 0, "its header is broken"),
        }
        let at = self.batches(&bytes, id, is_last);
        let has_rest = at < bytes.len();
        self.recovered.cut_bytes += (bytes.len() - at) as u64;
        if is_last {
            // What is here may not be durable yet, and counts as such from now on.
            file.sync()?;
        }
        segments.add(id, Arc::clone(&file), at as u64);
        self.recovered.segments += 1;
        self.recovered.bytes += at as u64;
        Ok(Some(End { segment: id, file, at: at as u64, has_rest }))
    }

    /// Reads the batches of a segment. Yields where the last one ends that is kept.
    fn batches(&mut self, bytes: &Bytes, id: SegmentId, is_last: bool) -> usize {
        let mut at = SEGMENT_HEADER_BYTES.min(bytes.len());
        while at < bytes.len() {
            let Some(batch) = record::read_batch(&bytes[at..]) else {
                match record::find_batch(&bytes[at..]) {
                    Some(next) => {
                        self.suspect_all(id, at, "a batch is broken");
                        at += next;
                        continue;
                    }
                    None if is_last => return at,
                    None => {
                        self.suspect_all(id, at, "its end is broken");
                        return bytes.len();
                    }
                }
            };
            let (records, is_whole) = read_records(bytes, at, &batch);
            // The sum over its header holds, so it is as long as it says. What looks like a batch within
            // it is something that users have written.
            let end = (at + batch.records.end).min(bytes.len());
            let is_followed = || record::find_batch(&bytes[end..]).is_some();
            if !is_whole && is_last && (!is_followed() || probe::mutant!(DamageCut)) {
                // The disk did not finish it: nobody was told that it is durable.
                return at;
            }
            self.take(&batch, records, (id, at), is_whole);
            at = end;
        }
        at
    }

    fn take(
        &mut self,
        batch: &Batch,
        records: Vec<(Record, usize)>,
        (id, at): (SegmentId, usize),
        is_whole: bool,
    ) {
        if self.batch.is_some_and(|before| batch.number != before.wrapping_add(1)) {
            self.suspect_all(id, at, "batches before this one are missing");
        }
        self.batch = Some(batch.number);
        for (record, offset) in records {
            let at = u32::try_from(offset).expect("segments are below 4 GiB");
            let length = u32::try_from(record.payload.len()).expect("bounded by its field");
            self.record(record, Place { segment: id, at, length });
        }
        if is_whole {
            return;
        }
        self.recovered.damage.push(damage(id, at, "a record is broken"));
        for (group, last) in &batch.table {
            let reading = self.groups.entry(*group).or_default();
            if reading.number != *last {
                (reading.number, reading.is_known) = (*last, true);
                reading.damaged(&damage(id, at, "a record is broken"));
            }
        }
    }

    fn record(&mut self, record: Record, place: Place) {
        self.recovered.records += 1;
        let is_oldest = self.is_first_segment;
        let reading = self.groups.entry(record.group).or_default();
        let begins = !reading.is_known
            && (record.number == 1 || is_oldest && record.kind == Kind::Checkpoint);
        let is_next = reading.is_known && record.number == reading.number.wrapping_add(1);
        // Those before a segment may go one day: it says itself what was before, or nobody would know then.
        let is_said = reading.segment == place.segment || record.kind == Kind::Checkpoint;
        if !(begins || is_next && is_said) {
            let found =
                damage(place.segment, place.at as usize, "records before this one are missing");
            let found = reading.suspect.take().unwrap_or(found);
            reading.damaged(&found);
        }
        (reading.number, reading.is_known, reading.suspect) = (record.number, true, None);
        reading.segment = place.segment;
        reading.apply(record, place, begins);
    }

    fn suspect_all(&mut self, id: SegmentId, at: usize, what: &str) {
        let found = damage(id, at, what);
        for reading in self.groups.values_mut() {
            reading.suspect.get_or_insert_with(|| found.clone());
        }
        self.recovered.damage.push(found);
    }

    fn finish(
        mut self,
        segments: Arc<Segments>,
        end: Option<End>,
        options: &Options,
    ) -> Result<Opened, LogError> {
        if let Some(found) = self.recovered.damage.first() {
            self.groups.entry(LOST).or_default().damaged(found);
        }
        let tails = Arc::new(Tails { used: 0.into(), max: options.tail_bytes });
        let (mut groups, mut written) = (BTreeMap::new(), BTreeMap::new());
        for (group, mut reading) in self.groups {
            reading.conclude();
            let is_damaged = reading.damage.is_some();
            if let Some(damage) = &reading.damage {
                reading.state.damage = Some(damage.to_string());
                self.recovered.damaged.insert(group, damage.clone());
            }
            for place in &reading.state.places {
                segments.hold(place.segment);
            }
            let (number, small) = (reading.number, reading.state.small.clone());
            written.insert(group, Written { number, small, is_damaged });
            let (state, segments) = (Arc::new(Shared::new(reading.state)), Arc::clone(&segments));
            groups.insert(group, GroupLog { group, state, segments, tails: Arc::clone(&tails) });
        }
        probe::sometimes!(TornTailCut, self.recovered.cut_bytes > 0);
        probe::sometimes!(RottenByteFound, !self.recovered.damage.is_empty());
        let mut files = Files {
            segments,
            segment_bytes: options.segment_bytes,
            current: 0,
            file: Arc::new(NoFile),
            at: 0,
            batch: self.batch.unwrap_or(0),
            groups: written,
            gone: Vec::new(),
            is_marked: false,
        };
        match end {
            Some(end) => {
                (files.current, files.file, files.at) =
                    (end.segment, Arc::clone(&end.file), end.at);
                // A crash may have come between a segment and what it begins with. Whoever went on in it
                // would have nothing of the groups in it, and remove those before it.
                let is_bare = self.recovered.segments > 1 && end.at <= SEGMENT_HEADER_BYTES as u64;
                if self.recovered.damaged.is_empty() {
                    end.cut()?;
                    if is_bare {
                        files.roll()?;
                    }
                } else {
                    // What is cut may be all that shows that something before it was durable.
                    files.roll()?;
                    end.cut()?;
                }
            }
            None => files.roll()?,
        }
        Ok((files, groups, tails, self.recovered))
    }
}

impl Reading {
    fn damaged(&mut self, found: &Damage) {
        self.damage.get_or_insert_with(|| found.clone());
    }

    fn apply(&mut self, record: Record, place: Place, begins: bool) {
        let Record { kind, index, payload, .. } = record;
        let write = match kind {
            Kind::Entry => Write::Append { first: index, entries: vec![Bytes::new()] },
            Kind::Label => Write::Label(payload),
            Kind::Vote => Write::Vote(payload),
            Kind::Committed => Write::Committed(payload),
            Kind::Truncate => Write::Truncate { after: index.checked_sub(1) },
            Kind::Purge => Write::Purge { upto: index, mark: payload },
            Kind::Reset => {
                self.damage = None;
                Write::Reset
            }
            Kind::Checkpoint => return self.checkpoint(payload, place, begins),
        };
        if self.damage.is_some() {
            return;
        }
        if self.state.small.check(&write).is_err() {
            let what = "a record does not follow those before it";
            return self.damaged(&damage(place.segment, place.at as usize, what));
        }
        self.state.apply(&write);
        if kind == Kind::Entry {
            *self.state.places.back_mut().expect("just added") = place;
            // Read again from the segment when it is needed.
            self.state.forget(usize::MAX);
        }
    }

    fn checkpoint(&mut self, payload: Bytes, place: Place, begins: bool) {
        let found = |what| damage(place.segment, place.at as usize, what);
        if payload == DAMAGED {
            return self.damaged(&found("it was damaged before"));
        }
        let Some(small) = Small::decode(payload) else {
            return self.damaged(&found("its checkpoint is broken"));
        };
        if begins {
            // Where its entries are nobody knows any more: purges must follow that cover them all.
            self.state.small = small;
        } else if self.damage.is_none() && self.state.small != small {
            self.damaged(&found("its checkpoint is not what was read before"));
        }
    }

    /// Nothing more comes: what was not cleared up is damage.
    fn conclude(&mut self) {
        if let Some(suspect) = self.suspect.take() {
            self.damaged(&suspect);
        }
        if self.state.has_missing() && self.damage.is_none() {
            self.damaged(&damage(0, 0, "entries are missing"));
        }
    }
}

fn damage(id: SegmentId, at: usize, what: &str) -> Damage {
    Damage { file: segments::name(id), offset: at as u64, what: what.to_owned() }
}

/// The records of a batch and where they begin in the segment, as far as they are sound; and whether
/// all are.
fn read_records(bytes: &Bytes, at: usize, batch: &Batch) -> (Vec<(Record, usize)>, bool) {
    let end = (at + batch.records.end).min(bytes.len());
    let (mut next, mut records) = (at + batch.records.start, Vec::new());
    while next < end {
        let Some((record, length)) = record::read_record(&bytes.slice(next..end)) else {
            return (records, false);
        };
        records.push((record, next));
        next += length;
    }
    (records, at + batch.records.end <= bytes.len())
}

/// Stands in until the first segment is there.
struct NoFile;

impl File for NoFile {
    fn length(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
