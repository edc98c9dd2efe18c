//! Ids that are unique without trusting a clock.

use std::fmt;
use std::str::FromStr;

use crate::{Key, Time};

/// A name for something new: 16 bytes that begin with a time, so that ids sort by age.
///
/// Ids made by a handler are (time of the record, shard, number within the record). A shard's record
/// times never repeat, and what did not commit is never shown, so such ids are unique by
/// construction. Ids made at the edge are (time, 64 random bits).
///
/// The text is 26 characters of Crockford's base 32 in lower case, which sorts as the ids do.
#[derive(
    Copy,
    Default,
    Hash,
    Ord,
    PartialOrd,
    Clone,
    Eq,
    PartialEq,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Id(pub u128);

/// Length of an id's text, in characters.
pub const ID_TEXT_CHARS: usize = 26;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Id {
    /// The first id of all; nothing has it.
    pub const MIN: Self = Self(0);
    /// The last id of all; nothing has it.
    pub const MAX: Self = Self(u128::MAX);

    /// The `n`th id made by the record of `shard` at `time`.
    pub fn of_record(time: Time, shard: u32, n: u32) -> Self {
        Self(u128::from(time.0) << 64 | u128::from(shard) << 32 | u128::from(n))
    }

    /// An id made outside of any record, from 64 random bits.
    pub fn random(time: Time, bits: u64) -> Self {
        Self(u128::from(time.0) << 64 | u128::from(bits))
    }

    /// When it was made.
    pub fn time(self) -> Time {
        Time(u64::try_from(self.0 >> 64).expect("64 bits are left"))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |place: usize| ALPHABET[(self.0 >> (5 * place) & 31) as usize];
        let text = (0..ID_TEXT_CHARS).rev().map(|place| char::from(digit(place)));
        f.pad(&text.collect::<String>())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

/// The text is no id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoId;

impl fmt::Display for NoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected an id: {ID_TEXT_CHARS} characters of 0-9 and a-z without i, l, o, u")
    }
}

impl std::error::Error for NoId {}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        if text.len() != ID_TEXT_CHARS {
            return Err(NoId);
        }
        let digit = |byte| ALPHABET.iter().position(|it| *it == byte).ok_or(NoId);
        let id = text.bytes().try_fold(0_u128, |id, byte| Ok(id << 5 | digit(byte)? as u128))?;
        // 26 digits hold 130 bits: the first one may not exceed 7.
        (Self(id).to_string() == text).then_some(Self(id)).ok_or(NoId)
    }
}

impl Key for Id {
    fn encode(&self, to: &mut Vec<u8>) {
        self.0.encode(to);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        u128::decode(from).map(Self)
    }
}

crate::refusal::text_in_json!(Id, {"type": "string", "pattern": "^[0-7][0-9a-hjkmnp-tv-z]{25}$"});
crate::data::standard!(Id);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_sort_as_ids_do_and_come_back() {
        let ids = [
            Id::MIN,
            Id(1),
            Id::of_record(Time(5), 1, 0),
            Id::of_record(Time(5), 1, 1),
            Id::of_record(Time(6), 0, 0),
            Id::MAX,
        ];
        assert!(ids.is_sorted_by_key(ToString::to_string));
        for id in ids {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(Id::of_record(Time(5), 1, 1).time(), Time(5));
    }

    #[test]
    fn whatever_comes_is_the_one_text_of_an_id_or_of_a_time_or_refused() {
        let seeds = [Id(7).to_string(), Time(7).to_string(), Time::MAX.to_string()];
        fuzz::target("id").seeds(seeds).run(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(id) = text.parse::<Id>() {
                assert_eq!(id.to_string(), text);
            }
            if let Ok(time) = text.parse::<Time>() {
                assert_eq!(time.to_string(), text);
            }
        });
    }

    #[test]
    fn other_texts_are_refused() {
        let too_large = format!("8{}", "0".repeat(25));
        for text in ["", "0", &"u".repeat(26), &"A".repeat(26), &"0".repeat(27), &too_large] {
            assert_eq!(text.parse::<Id>(), Err(NoId), "{text}");
        }
    }
}
