//! Who the nodes of a test are.

use std::time::{Duration, SystemTime};

use cluster::transport::NodeId;
use entity::digest::sha256;

use crate::identity::{Authority, Identity, key_of};
use crate::limits::CERTIFICATE_LASTING;

pub(super) const SECRET: &[u8] = b"a secret that is long enough";

/// Who vouches for the nodes of a test.
pub(super) fn authority() -> Authority {
    Authority::of("here", SECRET).expect("a long secret")
}

/// The clock of the machine, which certificates are judged by.
#[expect(clippy::disallowed_methods, reason = "as whoever starts a node does")]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// A node of this number.
pub(super) fn identity(node: u32) -> Identity {
    identity_at(node, now(), CERTIFICATE_LASTING)
}

/// As [`identity`], from then on, for so long. The key follows from the number: the certificate of a node
/// is of the same length in every run.
pub(super) fn identity_at(node: u32, from: SystemTime, lasting: Duration) -> Identity {
    let key = key_of(sha256(&node.to_le_bytes())).expect("32 bytes");
    authority().vouch_key(NodeId(node), &key, (from, lasting)).expect("a certificate")
}
