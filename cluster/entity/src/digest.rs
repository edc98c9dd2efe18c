//! SHA-256, for secrets that only their owner may know.

use sha2::{Digest, Sha256};

/// Length of a digest, in bytes.
pub const DIGEST_BYTES: usize = 32;

/// The SHA-256 of `bytes`. For secrets of high entropy such as tokens; passwords need argon2id.
pub fn sha256(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    Sha256::digest(bytes).into()
}

/// Whether two digests are equal, in a time that does not tell where they differ.
pub fn same(one: &[u8; DIGEST_BYTES], other: &[u8; DIGEST_BYTES]) -> bool {
    one.iter().zip(other).fold(0, |difference, (one, other)| difference | (one ^ other)) == 0
}
