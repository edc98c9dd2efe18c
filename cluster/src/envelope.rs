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
