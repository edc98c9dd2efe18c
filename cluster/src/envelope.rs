//! Messages on their way between shards.

use bytes::Bytes;
use entity::header::{Content, open, seal};
use entity::{Address, Data, Release, Time, data};

use crate::record::RecordError;

/// The messages of one record to one shard.
///
/// A link's envelopes are numbered without gaps within a cluster incarnation. An envelope stays in
/// the sender's outbox until it is acknowledged, and is handled only when it is the next one.
#[data]
pub struct Envelope {
    /// The cluster incarnation: a restored backup starts a new one.
    pub incarnation: u64,
    /// The sending shard.
    pub from: u32,
    /// Counts the link's envelopes from 1.
    pub number: u64,
    /// Time of the record that sent it. Records that handle it are later.
    pub time: Time,
    /// What is in it, in the order of sending.
    pub parcels: Vec<Parcel>,
}

/// One command to one or many entities of a kind.
#[data]
pub struct Parcel {
    /// Who sent it.
    pub from: Address,
    /// Kind of the receivers.
    pub kind: u16,
    /// Which command.
    pub command: u16,
    /// The encoded command.
    pub body: Vec<u8>,
    /// Encoded keys of the receivers.
    pub targets: Vec<Vec<u8>>,
    /// What comes back on a refusal instead of a dead letter.
    pub refused: Option<Refused>,
}

/// A command that goes back to the sender when its message was refused.
#[data]
pub struct Refused {
    /// Which command.
    pub command: u16,
    /// The encoded command.
    pub body: Vec<u8>,
}

/// A message that was not handled, and why.
#[data]
pub struct DeadLetter {
    /// Who sent it: another entity, or the entity itself by a wake-up.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// Which command.
    pub command: u16,
    /// The encoded command.
    pub body: Vec<u8>,
    /// When it was given up.
    pub at: Time,
    /// Stable code of the problem.
    pub code: String,
    /// The problem in a sentence.
    pub detail: String,
}

impl Envelope {
    /// The stored and transmitted form, with its header.
    pub fn seal(&self) -> Bytes {
        let mut bytes = Vec::new();
        self.encode(Release::NEWEST, &mut bytes);
        seal(Content::Envelope, Self::VERSION, &bytes).into()
    }

    /// Reads what [`Envelope::seal`] made.
    ///
    /// # Errors
    ///
    /// [`RecordError`]; damage anywhere is found.
    pub fn open(bytes: &[u8]) -> Result<Self, RecordError> {
        let (_, payload) = open(Content::Envelope, bytes).map_err(RecordError::Header)?;
        Self::decode(payload).map_err(RecordError::Data)
    }

    /// How many messages are in it.
    pub fn messages(&self) -> usize {
        self.parcels.iter().map(|parcel| parcel.targets.len()).sum()
    }

    /// The `n`th message, from 0: its parcel, and the key of its receiver.
    pub fn message(&self, n: usize) -> Option<(&Parcel, &[u8])> {
        let mut left = n;
        for parcel in &self.parcels {
            match parcel.targets.get(left) {
                Some(target) => return Some((parcel, target)),
                None => left -= parcel.targets.len(),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use entity::header::HEADER_BYTES;

    use super::*;
    use crate::record::{Fence, Record, Write};

    fn address(name: &[u8]) -> Address {
        Address { kind: 7, key: name.to_vec() }
    }

    fn envelope() -> Envelope {
        let parcel = Parcel {
            from: address(b"ann"),
            kind: 8,
            command: 2,
            body: vec![1, 0, 5],
            targets: vec![b"bob".to_vec(), b"eve".to_vec()],
            refused: Some(Refused { command: 3, body: vec![1, 0] }),
        };
        Envelope { incarnation: 1, from: 2, number: 3, time: Time(4), parcels: vec![parcel] }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// What is stored and sent by the executor itself never changes: a change is another layout.
    #[test]
    fn stored_and_sent_bytes_do_not_change() {
        let record = Record {
            fence: Fence { activation: 1, sequence: 2 },
            time: Time(3),
            writes: vec![
                Write { key: Bytes::from_static(b"key"), value: Some(Bytes::from_static(b"row")) },
                Write { key: Bytes::from_static(b"gone"), value: None },
            ],
        };
        let mut letter = Vec::new();
        let dead = DeadLetter {
            from: address(b"ann"),
            to: address(b"bob"),
            command: 2,
            body: vec![1, 0],
            at: Time(5),
            code: "code".into(),
            detail: "detail".into(),
        };
        dead.encode(Release::NEWEST, &mut letter);
        let cases = [
            (
                hex(&record.encode()),
                "05720100010000004e0000002d01620901006b6579726f77676f6e65f6ffffff0300000001f0ffffff03000000ebffffff04000000000000000000000000010000000000000002000000000000000300000000000000c6ffffff02000000",
            ),
            (
                hex(&envelope().seal()),
                "05720200010000006d000000abc4d86e0100616e6e010005626f62657665faffffff03000000f5ffffff0300000001000700e0ffffff0300000008000200d7ffffff03000000d8ffffff02000000010300ddffffff0200000001000000000000000200000003000000000000000400000000000000bbffffff01000000",
            ),
            (
                hex(&letter),
                "0100616e6e626f6201000700f6ffffff030000000700efffffff030000000200e8ffffff020000000500000000000000636f6465ffffffff64657461696cffff",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn envelopes_come_back_and_damage_is_found() {
        let sealed = envelope().seal();
        assert_eq!(Envelope::open(&sealed), Ok(envelope()));
        for at in 0..sealed.len() {
            let mut damaged = sealed.to_vec();
            damaged[at] ^= 4;
            assert!(Envelope::open(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn whatever_comes_is_an_envelope_or_refused() {
        let sealed = envelope().seal();
        let seeds = [&sealed[..], &sealed[HEADER_BYTES..]];
        fuzz::target("envelope").seeds(seeds).run(|bytes| {
            let sealed = seal(Content::Envelope, Envelope::VERSION, bytes);
            for bytes in [bytes, &sealed] {
                let Ok(envelope) = Envelope::open(bytes) else { continue };
                let count = envelope.messages();
                assert!((0..count).all(|n| envelope.message(n).is_some()));
                assert_eq!(envelope.message(count), None);
                assert_eq!(Envelope::open(&envelope.seal()), Ok(envelope));
            }
        });
    }

    #[test]
    fn messages_are_numbered_through_all_parcels() {
        let mut envelope = envelope();
        let second = Parcel { targets: vec![b"joe".to_vec()], ..envelope.parcels[0].clone() };
        envelope.parcels.push(second);
        let names: Vec<_> = (0..4).map(|n| envelope.message(n).map(|(_, name)| name)).collect();
        assert_eq!(names, [Some(&b"bob"[..]), Some(b"eve"), Some(b"joe"), None]);
        assert_eq!(envelope.messages(), 3);
    }
}
