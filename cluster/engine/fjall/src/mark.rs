//! The form of a mark on disk.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version of this form |
//! | 4, 4 | group, generation |
//! | 8, 8 | applied; of that, durable when the mark was written |
//! | rest | detail |
//! | 4 | crc32c of all before |
//!
//! Numbers are big-endian. It stands in meta under the group, in state and streams under the
//! generation alone: a row's key is never empty, so none can be in its place.

use bytes::Bytes;
use engine::{GroupId, Mark};

const VERSION: u8 = 1;

/// What stands before the detail.
const HEAD_BYTES: usize = 25;

/// What stands behind it.
const CHECKSUM_BYTES: usize = 4;

/// A mark as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StoredMark {
    pub(crate) group: GroupId,
    pub(crate) mark: Mark,
    /// Up to which index the group was durable, in all keyspaces, when this was written. A folder
    /// that comes back older was damaged.
    pub(crate) durable: u64,
}

impl StoredMark {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Mark { generation, applied, detail } = &self.mark;
        let mut bytes = Vec::with_capacity(HEAD_BYTES + detail.len() + CHECKSUM_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.group.to_be_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&applied.to_be_bytes());
        bytes.extend_from_slice(&self.durable.to_be_bytes());
        bytes.extend_from_slice(detail);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// None if the bytes are not what was written.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
        if crc32c::crc32c(content) != u32::from_be_bytes(*checksum) {
            return None;
        }
        let (head, detail) = content.split_first_chunk::<HEAD_BYTES>()?;
        let (version, head) = head.split_first()?;
        let (group, head) = head.split_first_chunk()?;
        let (generation, head) = head.split_first_chunk()?;
        let (applied, head) = head.split_first_chunk()?;
        let (durable, _) = head.split_first_chunk()?;
        (*version == VERSION).then(|| Self {
            group: GroupId::from_be_bytes(*group),
            mark: Mark {
                generation: u32::from_be_bytes(*generation),
                applied: u64::from_be_bytes(*applied),
                detail: Bytes::copy_from_slice(detail),
            },
            durable: u64::from_be_bytes(*durable),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> StoredMark {
        let mark = Mark { generation: 7, applied: 1 << 40, detail: Bytes::from_static(b"detail") };
        StoredMark { group: 9, mark, durable: 3 }
    }

    #[test]
    fn a_mark_comes_back() {
        assert_eq!(StoredMark::decode(&stored().encode()), Some(stored()));
        let bare = StoredMark { mark: Mark::default(), ..stored() };
        assert_eq!(StoredMark::decode(&bare.encode()), Some(bare));
    }

    #[test]
    fn the_form_stays() {
        let bytes = stored().encode();
        let numbers = [
            &[1][..],
            &[0, 0, 0, 9],
            &[0, 0, 0, 7],
            &[0, 0, 1, 0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0, 3],
            b"detail",
        ];
        assert_eq!(bytes[..HEAD_BYTES + 6], numbers.concat());
        assert_eq!(bytes.len(), HEAD_BYTES + 6 + CHECKSUM_BYTES);
    }

    #[test]
    fn whatever_comes_is_the_one_form_of_a_mark_or_none() {
        let bytes = stored().encode();
        let seeds = [&bytes[..], &bytes[..bytes.len() - CHECKSUM_BYTES]];
        fuzz::target("engine-mark").seeds(seeds).run(|bytes| {
            let checksum = crc32c::crc32c(bytes).to_be_bytes();
            for bytes in [bytes, &[bytes, &checksum].concat()] {
                if let Some(stored) = StoredMark::decode(bytes) {
                    assert_eq!(stored.encode(), bytes);
                }
            }
        });
    }

    #[test]
    fn a_damaged_mark_is_none() {
        let bytes = stored().encode();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert_eq!(StoredMark::decode(&damaged), None, "byte {at}");
            assert_eq!(StoredMark::decode(&bytes[..at]), None, "cut at {at}");
        }
    }
}
