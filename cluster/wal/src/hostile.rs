//! Whatever stands in the files: the log is opened, or refused, and never makes anything up.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::folder::Folder;
use crate::group::Small;
use crate::memory::MemoryFolder;
use crate::record::{
    BATCH_HEADER_BYTES, BATCH_MAGIC, Kind, RECORD_HEADER_BYTES, Record, TABLE_ROW_BYTES, batch,
    segment_header,
};
use crate::{
    Appender, GroupId, GroupLog, LogError, Options, Recovered, Write, Writer, open, segments,
};

/// Small segments, and hardly anything in memory.
const SMALL: Options = Options { segment_bytes: 300, tail_bytes: 50 };

/// What is seen of a group.
#[derive(Debug, Eq, PartialEq)]
struct Seen {
    label: Option<Bytes>,
    vote: Option<Bytes>,
    committed: Option<Bytes>,
    purged: Option<(u64, Bytes)>,
    entries: Vec<(u64, Bytes)>,
}

fn see(log: &GroupLog) -> io::Result<Seen> {
    let (first, last) = (log.first_index(), log.last_index());
    let range = first.zip(last).map_or(0..0, |(first, last)| first..last + 1);
    let entries = log.read(range.clone(), usize::MAX)?;
    let indices = entries.iter().map(|(index, _)| *index);
    assert!(indices.eq(range), "there is a hole");
    let (label, vote, committed) = (log.label(), log.vote(), log.committed());
    Ok(Seen { label, vote, committed, purged: log.purged(), entries })
}

/// Segments with these bytes behind their headers.
fn folder(of: &[&[u8]]) -> io::Result<Arc<dyn Folder>> {
    let folder = MemoryFolder::default();
    for (number, bytes) in (1..).zip(of) {
        let file = folder.open(&segments::name(number))?;
        file.write_at(0, &[&segment_header(number.into()), *bytes].concat())?;
        file.sync()?;
    }
    folder.sync()?;
    Ok(Arc::new(folder))
}

type Opened = (Appender, Writer, Recovered);

fn open_small(folder: &Arc<dyn Folder>) -> Result<Opened, LogError> {
    open(folder, &SMALL, || {})
}

/// All groups that a log may know here: few, and at the edge.
fn groups() -> impl Iterator<Item = GroupId> {
    (0..4).chain([GroupId::MAX])
}

fn see_all(log: &Appender) -> BTreeMap<GroupId, Seen> {
    groups().filter_map(|it| Some((it, see(&log.group(it)).ok()?))).collect()
}

/// Opens what is there, writes, and opens it again: what was found is found again, and what was
/// written too.
fn check(segments: &[&[u8]]) -> Result<(), LogError> {
    let folder = folder(segments)?;
    let Ok((log, mut writer, recovered)) = open_small(&folder) else { return Ok(()) };
    let before = see_all(&log);
    let votes = groups().filter(|it| !recovered.damaged.contains_key(it));
    let votes: Vec<_> = votes.map(|it| (it, Write::Vote(Bytes::from_static(b"new")))).collect();
    if log.submit(votes, Box::new(|_| {})).is_ok() {
        writer.write()?;
        writer.sync()?;
    }
    let (log, _, again) = open_small(&folder)?;
    assert!(
        recovered.damaged.keys().all(|it| again.damaged.contains_key(it)),
        "damage is forgotten: {recovered:?} then {again:?}"
    );
    let after = see_all(&log);
    for (group, seen) in before {
        if !recovered.damaged.contains_key(&group) {
            let vote = Some(Bytes::from_static(b"new"));
            assert_eq!(after.get(&group), Some(&Seen { vote, ..seen }), "group {group}");
        }
    }
    Ok(())
}

/// The same bytes as if they had been written: with lengths that fit, and sums that are right.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let (mut bytes, mut at) = (bytes.to_vec(), 0);
    while at + BATCH_HEADER_BYTES <= bytes.len() {
        put(&mut bytes, at, BATCH_MAGIC);
        // The number of a batch and a table as they stand; few rows.
        let rows = usize::from(bytes[at + 16] % 4);
        put(&mut bytes, at + 16, rows);
        let table_end = at + 20 + rows * TABLE_ROW_BYTES;
        let records = table_end + 4;
        if records > bytes.len() {
            break;
        }
        let length = usize::from(bytes[at + 12]) + 8 * usize::from(bytes[at + 13]);
        let length = length.min(bytes.len() - records);
        put(&mut bytes, at + 12, length);
        let sum = crc32c::crc32c(&bytes[at..table_end]);
        put(&mut bytes, table_end, sum);
        seal_records(&mut bytes[records..records + length]);
        at = records + length;
    }
    bytes
}

fn seal_records(bytes: &mut [u8]) {
    let mut at = 0;
    while at + RECORD_HEADER_BYTES <= bytes.len() {
        bytes[at + 12] = 1 + bytes[at + 12] % 8;
        let left = bytes.len() - at - RECORD_HEADER_BYTES;
        let length = usize::from(bytes[at + 21]).min(left);
        put(bytes, at + 21, length);
        let payload = at + RECORD_HEADER_BYTES;
        let head = crc32c::crc32c(&bytes[at..at + 25]);
        let sum = crc32c::crc32c_append(head, &bytes[payload..payload + length]);
        put(bytes, at + 25, sum);
        at = payload + length;
    }
}

fn put(bytes: &mut [u8], at: usize, number: impl TryInto<u32>) {
    let Ok(number) = number.try_into() else { panic!("inputs are small") };
    bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
}

/// Two batches of a log that has every kind of record.
fn batches() -> [Vec<u8>; 2] {
    let record = |(number, (kind, index, payload))| Record {
        group: 1,
        number,
        kind,
        index,
        payload: Bytes::from_static(payload),
    };
    let kinds: [(Kind, u64, &'static [u8]); 8] = [
        (Kind::Label, 0, b"label"),
        (Kind::Vote, 0, b"vote"),
        (Kind::Entry, 5, b"five"),
        (Kind::Entry, 6, b"six"),
        (Kind::Committed, 0, b"committed"),
        (Kind::Purge, 5, b"mark"),
        (Kind::Truncate, 6, b""),
        (Kind::Reset, 0, b""),
    ];
    let records: Vec<_> = (1..).zip(kinds).map(record).collect();
    let (label, vote) = (Some(Bytes::from_static(b"label")), None);
    let small = Small { label, vote, first: 7, count: 1, ..Small::default() };
    let checkpoint = record((1, (Kind::Checkpoint, 0, b"")));
    let checkpoint = Record { group: 2, payload: small.encode(), ..checkpoint };
    [batch(1, &records).0, batch(2, &[checkpoint]).0]
}

/// The first byte says where the second segment begins, in sixteenths; 0: nowhere.
fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    let Some((first, rest)) = bytes.split_first() else { return vec![bytes] };
    let sixteenths = usize::from(first % 16);
    if sixteenths == 0 {
        return vec![rest];
    }
    let (one, other) = rest.split_at(rest.len() * sixteenths / 16);
    vec![one, other]
}

#[test]
fn whatever_comes_from_the_disk_is_a_log_or_refused() {
    let [first, second] = batches();
    let seeds = [
        [&[0][..], &first].concat(),
        [&[0][..], &first, &second].concat(),
        [&[8][..], &first, &second].concat(),
        [&[0][..], &second].concat(),
    ];
    // A log that is opened has a few maps and files, twice.
    fuzz::target("log").seeds(seeds).bytes_max(1_024).growth(512).run(|bytes| {
        let parts = parts(bytes);
        check(&parts).unwrap();
        let sealed: Vec<_> = parts.iter().map(|it| sealed(it)).collect();
        let sealed: Vec<_> = sealed.iter().map(Vec::as_slice).collect();
        check(&sealed).unwrap();
    });
}

#[test]
fn whatever_begins_a_file_is_a_segment_or_refused() {
    let seeds = [segment_header(1), [&segment_header(1)[..], &batches()[0]].concat()];
    fuzz::target("segment").seeds(seeds).run(|bytes| {
        let folder = MemoryFolder::default();
        let file = folder.open(&segments::name(1)).unwrap();
        file.write_at(0, bytes).unwrap();
        let folder: Arc<dyn Folder> = Arc::new(folder);
        // A log of nothing begins with its first segment.
        let is_ours = bytes.starts_with(&segment_header(1));
        let opened = open_small(&folder);
        assert!(opened.is_ok() || !is_ours, "{:?}", opened.err());
    });
}
