//! Layouts of what the executor itself keeps.

use bytes::Bytes;
use entity::registry::Outcome;
use entity::{Address, Data, Release, Time, data};

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
pub(super) struct Quarantined {
    /// Which entity.
    pub(super) entity: Address,
    /// Since when.
    pub(super) since: Time,
    /// What the last panic said, at most 1,000 bytes.
    pub(super) panic: String,
}

/// Encodes in the layout of a release.
pub(super) fn encode<D: Data>(value: &D, release: Release) -> Bytes {
    let mut bytes = Vec::with_capacity(48);
    value.encode(release, &mut bytes);
    bytes.into()
}

/// Decodes what [`encode`] wrote.
pub(super) fn decode<D: Data>(bytes: &[u8]) -> D {
    D::decode(bytes).expect("the executor's own rows are checked by the ledger")
}

/// The outcome of a command, kept for repeats.
///
/// Every command writes one, so its layout is written by hand: version 1 as two bytes, the time as
/// eight, a byte that tells a refusal from a reply, a byte for the length of the fingerprint, the
/// fingerprint, the reply or refusal.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Reply {
    /// When the command was handled.
    pub(super) at: Time,
    /// Of the request that the key was used for; empty for commands of ours.
    pub(super) fingerprint: Vec<u8>,
    /// The reply or the refusal.
    pub(super) outcome: Outcome,
}

impl Reply {
    const VERSION: [u8; 2] = [1, 0];

    pub(super) fn encode(at: Time, fingerprint: &[u8], outcome: &Outcome) -> Bytes {
        let body = outcome.bytes();
        let mut row = Vec::with_capacity(12 + fingerprint.len() + body.len());
        row.extend_from_slice(&Self::VERSION);
        row.extend_from_slice(&at.0.to_le_bytes());
        row.push(u8::from(matches!(outcome, Outcome::Refusal(_))));
        row.push(u8::try_from(fingerprint.len()).expect("a digest, or nothing"));
        row.extend_from_slice(fingerprint);
        row.extend_from_slice(body);
        row.into()
    }

    /// `None` when the row is not what [`Reply::encode`] writes.
    pub(super) fn decode(row: &Bytes) -> Option<Self> {
        let (version, rest) = row.split_first_chunk::<2>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (&[refused, length], rest) = rest.split_first_chunk::<2>()?;
        if *version != Self::VERSION || rest.len() < usize::from(length) {
            return None;
        }
        let fingerprint = rest[..usize::from(length)].to_vec();
        let body = row.slice(12 + usize::from(length)..);
        let outcome = match refused {
            0 => Outcome::Reply(body),
            1 => Outcome::Refusal(body),
            _ => return None,
        };
        Some(Self { at: Time(u64::from_le_bytes(*at)), fingerprint, outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_bytes_do_not_change() {
        let entity = Address { kind: 7, key: b"ann".to_vec() };
        let wake_up = WakeUp { to: entity.clone(), command: 2, body: vec![1, 0] };
        let quarantined = Quarantined { entity, since: Time(5), panic: "no".into() };
        let hex = |row: Bytes| row.iter().fold(String::new(), |text, it| format!("{text}{it:02x}"));
        let cases = [
            (
                hex(encode(&wake_up, Release::NEWEST)),
                "0100616e6e01000700f9ffffff030000000200f2ffffff02000000",
            ),
            (
                hex(encode(&LinkIn { handled: 3, messages: 2 }, Release::NEWEST)),
                "010003000000000000000200000000000000",
            ),
            (hex(encode(&Counters { dead_letters: 9 }, Release::NEWEST)), "01000900000000000000"),
            (
                hex(encode(&quarantined, Release::NEWEST)),
                "0100616e6e0700fbffffff0300000005000000000000006e6fffffffffffff",
            ),
            (
                hex(Reply::encode(Time(5), &[9; 2], &Outcome::Refusal(Bytes::new()))),
                "0100050000000000000001020909",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn whatever_comes_is_a_reply_or_none() {
        let seeds = [Reply::encode(Time(7), &[9; 32], &Outcome::Reply(Bytes::from_static(b"yes")))];
        fuzz::target("reply").seeds(seeds).run(|bytes| {
            let row = Bytes::copy_from_slice(bytes);
            if let Some(Reply { at, fingerprint, outcome }) = Reply::decode(&row) {
                assert_eq!(Reply::encode(at, &fingerprint, &outcome), row);
            }
        });
    }

    #[test]
    fn replies_come_back_and_nothing_else_does() {
        for outcome in [Outcome::Reply(Bytes::from_static(b"yes")), Outcome::Refusal(Bytes::new())]
        {
            let row = Reply::encode(Time(7), &[9; 32], &outcome);
            let reply = Reply { at: Time(7), fingerprint: vec![9; 32], outcome };
            assert_eq!(Reply::decode(&row), Some(reply));
            assert_eq!(Reply::decode(&row.slice(..40)), None);
        }
        assert_eq!(Reply::decode(&Bytes::from_static(&[2; 20])), None);
    }
}
