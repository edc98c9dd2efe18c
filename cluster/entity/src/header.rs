//! The fixed header in front of everything that stands alone: a record, an envelope, a snapshot.
//!
//! | bytes | field                                    |
//! |-------|------------------------------------------|
//! | 2     | magic                                    |
//! | 2     | what follows, a [`Content`]              |
//! | 2     | version of its layout                    |
//! | 2     | flags, zero                              |
//! | 4     | length of what follows, in bytes         |
//! | 4     | CRC-32C of the 12 bytes before and of what follows |
//!
//! All numbers are little-endian.

use std::fmt;

/// Length of the header, in bytes.
pub const HEADER_BYTES: usize = 16;

const MAGIC: u16 = 0x7205;
const CHECKED_BYTES: usize = 12;

/// What stands behind a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum Content {
    /// Effects to commit to one shard.
    Record = 1,
    /// Messages from one shard to another.
    Envelope = 2,
}

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeaderError {
    /// Shorter than the header, or than the length it states.
    Short,
    /// Longer than the length stated.
    Long,
    /// No header of ours, or flags from a later release.
    Foreign,
    /// Something else than expected stands behind the header.
    Content {
        /// The number found.
        found: u16,
    },
    /// The checksum does not match.
    Checksum,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "cut short"),
            Self::Long => write!(f, "longer than its header states"),
            Self::Foreign => write!(f, "no header of roost"),
            Self::Content { found } => write!(f, "unexpected content {found}"),
            Self::Checksum => write!(f, "the checksum does not match"),
        }
    }
}

impl std::error::Error for HeaderError {}

/// Puts the header in front of `payload`.
pub fn seal(content: Content, version: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("bounded far below 4 GiB by its limits");
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&MAGIC.to_le_bytes());
    bytes.extend_from_slice(&(content as u16).to_le_bytes());
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&length.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), payload);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Yields the version and the payload of sealed bytes.
///
/// # Errors
///
/// [`HeaderError`] tells what is wrong; nothing of the payload has been interpreted.
pub fn open(content: Content, bytes: &[u8]) -> Result<(u16, &[u8]), HeaderError> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(HeaderError::Short)?;
    if short(header, 0) != MAGIC || short(header, 6) != 0 {
        return Err(HeaderError::Foreign);
    }
    let length = long(header, 8) as usize;
    match payload.len().cmp(&length) {
        std::cmp::Ordering::Less => return Err(HeaderError::Short),
        std::cmp::Ordering::Greater => return Err(HeaderError::Long),
        std::cmp::Ordering::Equal => {}
    }
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header[..CHECKED_BYTES]), payload);
    if checksum != long(header, CHECKED_BYTES) {
        return Err(HeaderError::Checksum);
    }
    match short(header, 2) {
        found if found == content as u16 => Ok((short(header, 4), payload)),
        found => Err(HeaderError::Content { found }),
    }
}

fn short(header: &[u8; HEADER_BYTES], at: usize) -> u16 {
    u16::from_le_bytes([header[at], header[at + 1]])
}

fn long(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_byte_flip_is_found() {
        let sealed = seal(Content::Record, 3, b"payload");
        assert_eq!(open(Content::Record, &sealed), Ok((3, &b"payload"[..])));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 0x10;
            assert!(open(Content::Record, &damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn whatever_comes_is_sealed_by_us_or_refused() {
        let seeds = [seal(Content::Record, 1, b"payload"), seal(Content::Envelope, 9, b"")];
        fuzz::target("header").seeds(seeds).run(|bytes| {
            for content in [Content::Record, Content::Envelope] {
                if let Ok((version, payload)) = open(content, bytes) {
                    assert_eq!(seal(content, version, payload), bytes);
                }
                assert_eq!(open(content, &seal(content, 3, bytes)), Ok((3, bytes)));
            }
        });
    }

    #[test]
    fn every_cut_is_found() {
        let sealed = seal(Content::Envelope, 1, b"payload");
        for length in 0..sealed.len() {
            assert_eq!(open(Content::Envelope, &sealed[..length]), Err(HeaderError::Short));
        }
        let longer = [&sealed[..], b"!"].concat();
        assert_eq!(open(Content::Envelope, &longer), Err(HeaderError::Long));
        let found = Content::Envelope as u16;
        assert_eq!(open(Content::Record, &sealed), Err(HeaderError::Content { found }));
    }
}
