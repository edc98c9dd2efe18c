//! Records and batches as bytes. All numbers are little-endian.
//!
//! A segment begins with a header: magic (8 bytes), version (4), number of the segment (8), CRC-32C of
//! all that (4). Batches follow. A batch is what one fsync makes durable:
//!
//! | bytes     | field                                                                 |
//! |-----------|-----------------------------------------------------------------------|
//! | 4         | magic                                                                 |
//! | 8         | number, one above that of the batch before                            |
//! | 4         | length of the records, in bytes                                       |
//! | 4         | how many groups are in the table                                      |
//! | 12 each   | group (4), number of its last record in this batch (8)                |
//! | 4         | CRC-32C of all that                                                   |
//!
//! and then records:
//!
//! | bytes | field                                                             |
//! |-------|-------------------------------------------------------------------|
//! | 4     | group                                                             |
//! | 8     | number, one above that of the group's record before               |
//! | 1     | kind                                                              |
//! | 8     | index of the log that it is about                                 |
//! | 4     | length of the payload, in bytes                                   |
//! | 4     | CRC-32C of all that and of the payload                            |
//! | ...   | payload                                                           |
//!
//! A batch is written when the one before it is durable. So whatever is broken before a sound batch was
//! durable once.

use bytes::Bytes;

use crate::GroupId;

pub(crate) const SEGMENT_HEADER_BYTES: usize = 24;
pub(crate) const RECORD_HEADER_BYTES: usize = 29;
pub(crate) const BATCH_HEADER_BYTES: usize = 24;
pub(crate) const TABLE_ROW_BYTES: usize = 12;

const SEGMENT_MAGIC: &[u8; 8] = b"roostlog";
pub(crate) const BATCH_MAGIC: u32 = 0x6274_6368;

/// Version of the format.
pub const FORMAT: u32 = 1;

/// Most groups that are believed to be in one batch.
const TABLE_ROWS_MAX: usize = 65_536;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Kind {
    Entry = 1,
    Vote = 2,
    Committed = 3,
    /// Entries from the index on are gone.
    Truncate = 4,
    /// Entries up to the index are gone.
    Purge = 5,
    /// The group is as if it had never been.
    Reset = 6,
    /// All of a group's small state; see [`crate::group::Small`].
    Checkpoint = 7,
    Label = 8,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) group: GroupId,
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) index: u64,
    pub(crate) payload: Bytes,
}

/// What a segment's beginning says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Beginning {
    Ours(u64),
    /// A later format.
    Newer(u32),
    Broken,
    Foreign,
}

pub(crate) fn segment_header(number: u64) -> Vec<u8> {
    let mut bytes = SEGMENT_MAGIC.to_vec();
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

pub(crate) fn beginning(bytes: &[u8]) -> Beginning {
    if bytes.len() < SEGMENT_HEADER_BYTES {
        return Beginning::Broken;
    }
    let (checked, sum) = bytes[..SEGMENT_HEADER_BYTES].split_at(SEGMENT_HEADER_BYTES - 4);
    let is_sound = crc32c::crc32c(checked) == u32_at(sum, 0);
    match (checked.starts_with(SEGMENT_MAGIC), is_sound) {
        (true, true) if u32_at(checked, 8) == FORMAT => Beginning::Ours(u64_at(checked, 12)),
        (true, true) => Beginning::Newer(u32_at(checked, 8)),
        (false, true) => Beginning::Foreign,
        (_, false) => Beginning::Broken,
    }
}

/// A batch with its table.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    pub(crate) table: Vec<(GroupId, u64)>,
    /// Where its records begin and end, from the beginning of the batch.
    pub(crate) records: std::ops::Range<usize>,
}

/// Puts records into a batch. Yields it, and where each record begins in it.
pub(crate) fn batch(number: u64, records: &[Record]) -> (Vec<u8>, Vec<usize>) {
    let mut table = std::collections::BTreeMap::new();
    for record in records {
        table.insert(record.group, record.number);
    }
    let payload: usize = records.iter().map(|it| RECORD_HEADER_BYTES + it.payload.len()).sum();
    let head = BATCH_HEADER_BYTES + table.len() * TABLE_ROW_BYTES;
    let mut bytes = Vec::with_capacity(head + payload);
    let count = |it: usize| u32::try_from(it).expect("bounded by the limits of a batch");
    bytes.extend(BATCH_MAGIC.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend(count(payload).to_le_bytes());
    bytes.extend(count(table.len()).to_le_bytes());
    for (group, last) in table {
        bytes.extend(group.to_le_bytes());
        bytes.extend(last.to_le_bytes());
    }
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend(checksum.to_le_bytes());
    let mut places = Vec::with_capacity(records.len());
    for record in records {
        places.push(bytes.len());
        put_record(&mut bytes, record);
    }
    (bytes, places)
}

fn put_record(to: &mut Vec<u8>, record: &Record) {
    let begin = to.len();
    to.extend(record.group.to_le_bytes());
    to.extend(record.number.to_le_bytes());
    to.push(record.kind as u8);
    to.extend(record.index.to_le_bytes());
    let length = u32::try_from(record.payload.len()).expect("bounded by the limit of an entry");
    to.extend(length.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&to[begin..]), &record.payload);
    to.extend(checksum.to_le_bytes());
    to.extend_from_slice(&record.payload);
}

/// The batch at the beginning of `bytes`, if a sound header with its table is there. Its records may
/// be broken, or end before they should.
pub(crate) fn read_batch(bytes: &[u8]) -> Option<Batch> {
    if bytes.len() < BATCH_HEADER_BYTES || u32_at(bytes, 0) != BATCH_MAGIC {
        return None;
    }
    let rows = usize::try_from(u32_at(bytes, 16)).ok().filter(|it| *it <= TABLE_ROWS_MAX)?;
    let table_end = 20 + rows * TABLE_ROW_BYTES;
    let is_sound =
        |sum| crc32c::crc32c(&bytes[..table_end]) == sum || probe::mutant!(ChecksumUnchecked);
    if bytes.len() < table_end + 4 || !is_sound(u32_at(bytes, table_end)) {
        return None;
    }
    let row = |it: usize| {
        (u32_at(bytes, 20 + it * TABLE_ROW_BYTES), u64_at(bytes, 24 + it * TABLE_ROW_BYTES))
    };
    let begin = table_end + 4;
    let length = usize::try_from(u32_at(bytes, 12)).ok()?;
    Some(Batch {
        number: u64_at(bytes, 4),
        table: (0..rows).map(row).collect(),
        records: begin..begin + length,
    })
}

/// Whether a batch comes behind a place of a segment. What is broken at a place that none comes behind, in the
/// last segment, looks like what the disk did not finish.
pub fn is_followed(segment: &[u8], at: usize) -> bool {
    segment.get(at..).is_some_and(|rest| find_batch(rest).is_some())
}

/// Where the next sound header of a batch is.
pub(crate) fn find_batch(bytes: &[u8]) -> Option<usize> {
    let magic = BATCH_MAGIC.to_le_bytes();
    let mut from = 0;
    while let Some(found) = bytes[from..].windows(4).position(|it| it == magic) {
        if read_batch(&bytes[from + found..]).is_some() {
            return Some(from + found);
        }
        from += found + 1;
    }
    None
}

/// The record at the beginning of `bytes` and its length; none if it is broken or cut short.
pub(crate) fn read_record(bytes: &Bytes) -> Option<(Record, usize)> {
    let head = bytes.get(..RECORD_HEADER_BYTES)?;
    let length = usize::try_from(u32_at(head, 21)).ok()?;
    let end = RECORD_HEADER_BYTES.checked_add(length)?;
    let payload = bytes.get(RECORD_HEADER_BYTES..end)?;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&head[..25]), payload);
    let is_sound = checksum == u32_at(head, 25) || probe::mutant!(ChecksumUnchecked);
    let kind = kind(head[12]).filter(|_| is_sound)?;
    let record = Record {
        group: u32_at(head, 0),
        number: u64_at(head, 4),
        kind,
        index: u64_at(head, 13),
        payload: bytes.slice(RECORD_HEADER_BYTES..end),
    };
    Some((record, end))
}

fn kind(number: u8) -> Option<Kind> {
    use Kind::{Checkpoint, Committed, Entry, Label, Purge, Reset, Truncate, Vote};
    let all = [Entry, Vote, Committed, Truncate, Purge, Reset, Checkpoint, Label];
    all.into_iter().find(|it| *it as u8 == number)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let record = |(number, kind): (u64, Kind)| Record {
            group: u32::try_from(number % 2).unwrap(),
            number,
            kind,
            index: 10 * number,
            payload: vec![7; usize::try_from(number).unwrap()].into(),
        };
        (0..).zip([Kind::Vote, Kind::Entry, Kind::Checkpoint]).map(record).collect()
    }

    #[test]
    fn batches_come_back() {
        let (bytes, places) = batch(9, &records());
        let read = read_batch(&bytes).unwrap();
        assert_eq!((read.number, read.table), (9, vec![(0, 2), (1, 1)]));
        assert_eq!(read.records.end, bytes.len());
        let bytes = Bytes::from(bytes);
        for (record, place) in records().into_iter().zip(places) {
            assert_eq!(read_record(&bytes.slice(place..)).unwrap().0, record);
        }
        assert_eq!(find_batch(&[&[1, 2, 3], &bytes[..]].concat()), Some(3));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (bytes, places) = batch(9, &records());
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let batch = read_batch(&flipped);
            let flipped = Bytes::from(flipped);
            let read = |place: &usize| read_record(&flipped.slice(*place..)).is_none();
            assert!(batch.is_none() || places.iter().any(read), "byte {at}");
        }
    }

    #[test]
    fn segments_begin_as_ours() {
        let mut bytes = segment_header(5);
        assert_eq!(beginning(&bytes), Beginning::Ours(5));
        bytes[9] ^= 1;
        assert_eq!(beginning(&bytes), Beginning::Broken);
        assert_eq!(beginning(&bytes[..20]), Beginning::Broken);
    }
}
