//! What one commit holds.

use bytes::Bytes;
use entity::export::rkyv::vec::ArchivedVec;
use entity::export::view;
use entity::header::{Content, HeaderError, open, seal};
use entity::{Data, DataError, Release, Time, data};

/// The effects of a batch of commands: all of them commit, or none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Which life of the shard wrote it, and its place therein.
    pub fence: Fence,
    /// Above the time of every record of the shard before it.
    pub time: Time,
    /// What changes, in the order of writing: of two writes to one key the later one holds.
    pub writes: Vec<Write>,
}

/// The pair of numbers that stops an old activation.
///
/// Applying a record checks that its activation is the current one and its sequence the next one, on
/// every replica. A claim starts a new activation, whose number is its place in the log: unique.
#[data]
#[derive(Copy, Default, Ord, PartialOrd)]
pub struct Fence {
    /// Log index at which the claim was applied.
    pub activation: u64,
    /// Counts the activation's records from 1.
    pub sequence: u64,
}

/// One row written or removed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// See [`crate::storage`].
    pub key: Bytes,
    /// `None` removes the row.
    pub value: Option<Bytes>,
}

/// The stored form of a [`Record`].
#[data]
struct RecordV1 {
    fence: Fence,
    time: Time,
    writes: Vec<WriteV1>,
}

#[data]
struct WriteV1 {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordError {
    /// The header says so.
    Header(HeaderError),
    /// The layout behind it says so.
    Data(DataError),
}

impl Record {
    /// The stored form, with its header.
    pub fn encode(&self) -> Vec<u8> {
        let writes = self.writes.iter().map(|it| WriteV1 {
            key: it.key.to_vec(),
            value: it.value.as_ref().map(|value| value.to_vec()),
        });
        let record = RecordV1 { fence: self.fence, time: self.time, writes: writes.collect() };
        let mut bytes = Vec::new();
        record.encode(Release::NEWEST, &mut bytes);
        seal(Content::Record, RecordV1::VERSION, &bytes)
    }

    /// Reads the stored form. Keys and values are parts of it, and hold all of it: every replica decodes
    /// every record, and whatever keeps some of it for long copies that.
    ///
    /// # Errors
    ///
    /// [`RecordError`]; damage anywhere is found.
    pub fn decode(bytes: &Bytes) -> Result<Self, RecordError> {
        let (_, payload) = open(Content::Record, bytes).map_err(RecordError::Header)?;
        let record = view::<RecordV1>(payload).map_err(RecordError::Data)?;
        let fence = Fence {
            activation: record.fence.activation.to_native(),
            sequence: record.fence.sequence.to_native(),
        };
        let part = |it: &ArchivedVec<u8>| bytes.slice_ref(it.as_slice());
        let writes = record
            .writes
            .iter()
            .map(|it| Write { key: part(&it.key), value: it.value.as_ref().map(part) });
        Ok(Self { fence, time: Time(record.time.0.to_native()), writes: writes.collect() })
    }

    /// Its size, in bytes: what the limits of records count.
    pub fn bytes(&self) -> usize {
        self.writes.iter().map(Write::bytes).sum()
    }
}

impl Write {
    /// Its share of a record, in bytes.
    pub fn bytes(&self) -> usize {
        /// Lengths and flags.
        const OVERHEAD_BYTES: usize = 16;
        OVERHEAD_BYTES + self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

#[cfg(test)]
mod tests {
    use entity::header::HEADER_BYTES;

    use super::*;

    fn record() -> Record {
        Record {
            fence: Fence { activation: 7, sequence: 3 },
            time: Time(5),
            writes: vec![
                Write {
                    key: Bytes::from_static(b"key"),
                    value: Some(Bytes::from_static(b"value")),
                },
                Write { key: Bytes::from_static(b"gone"), value: None },
            ],
        }
    }

    #[test]
    fn whatever_comes_is_a_record_or_refused() {
        let stored = record().encode();
        let seeds = [&stored[..], &stored[HEADER_BYTES..]];
        fuzz::target("record").seeds(seeds).run(|bytes| {
            let sealed = seal(Content::Record, RecordV1::VERSION, bytes);
            for bytes in [bytes, &sealed].map(Bytes::copy_from_slice) {
                if let Ok(record) = Record::decode(&bytes) {
                    assert_eq!(Record::decode(&record.encode().into()), Ok(record));
                }
            }
        });
    }

    #[test]
    fn records_come_back_and_damage_is_found() {
        let stored = record().encode();
        assert_eq!(Record::decode(&Bytes::from(stored.clone())), Ok(record()));
        for at in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[at] ^= 1;
            assert!(Record::decode(&damaged.into()).is_err(), "byte {at}");
        }
    }
}
