//! Layouts of what the executor itself keeps.

use bytes::Bytes;
use entity::registry::Outcome;
use entity::{Address, Data, Release, Time, data};

/// The outcome of a command, kept for repeats.
#[data]
pub(super) struct Reply {
    /// When the command was handled.
    pub(super) at: Time,
    /// Of the request that the key was used for; empty for commands of ours.
    pub(super) fingerprint: Vec<u8>,
    /// Whether it was refused.
    pub(super) refused: bool,
    /// The reply or the refusal.
    pub(super) body: Vec<u8>,
}

/// A wake-up that is not due yet.
#[data]
pub(super) struct WakeUp {
    /// Who wants to be woken.
    pub(super) to: Address,
    /// Which command.
    pub(super) command: u16,
    /// The encoded command.
    pub(super) body: Vec<u8>,
}

/// How far a link has been handled.
#[data]
#[derive(Copy, Default)]
pub(super) struct LinkIn {
    /// Number of the last envelope that was handled to its end.
    pub(super) handled: u64,
    /// How many messages of the next one were handled.
    pub(super) messages: u64,
}

/// Counters for operators.
#[data]
#[derive(Copy, Default)]
pub(super) struct Counters {
    /// Dead letters that nobody has looked after.
    pub(super) dead_letters: u64,
}

/// An entity that panicked too often and handles nothing until an operator releases it.
#[data]
pub struct Quarantined {
    /// Which entity.
    pub entity: Address,
    /// Since when.
    pub since: Time,
    /// What the last panic said, at most 1,000 bytes.
    pub panic: String,
}

/// Encodes in the layout of this release.
pub(super) fn encode<D: Data>(value: &D) -> Bytes {
    let mut bytes = Vec::with_capacity(48);
    value.encode(Release::NEWEST, &mut bytes);
    bytes.into()
}

/// Decodes what [`encode`] wrote.
pub(super) fn decode<D: Data>(bytes: &[u8]) -> D {
    D::decode(bytes).expect("the executor's own rows are checked by the ledger")
}

impl Reply {
    pub(super) fn new(at: Time, fingerprint: &[u8], outcome: &Outcome) -> Self {
        let (refused, body) = match outcome {
            Outcome::Reply(body) => (false, body),
            Outcome::Refusal(body) => (true, body),
        };
        Self { at, fingerprint: fingerprint.to_vec(), refused, body: body.to_vec() }
    }

    pub(super) fn outcome(self) -> Outcome {
        let body = Bytes::from(self.body);
        if self.refused { Outcome::Refusal(body) } else { Outcome::Reply(body) }
    }
}
