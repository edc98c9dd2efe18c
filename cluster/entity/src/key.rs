//! Keys: encoded so that bytes sort as values do.

use std::fmt::Debug;

/// Names an entity within its kind, or a row within its table.
///
/// Encoded keys sort as the values do, and no encoding is the beginning of another one of the same
/// type, so that keys can be put behind each other.
pub trait Key: Clone + Debug + Ord + Send + 'static {
    /// Appends the encoding.
    fn encode(&self, to: &mut Vec<u8>);

    /// Reads an encoding from the front of `from`, and moves `from` behind it.
    ///
    /// `None` when the bytes are no key.
    fn decode(from: &mut &[u8]) -> Option<Self>;

    /// The encoding alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }

    /// Reads an encoding that nothing follows.
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let key = Self::decode(&mut bytes)?;
        bytes.is_empty().then_some(key)
    }
}

macro_rules! big_endian {
    ($($number:ty)+) => { $(
        impl Key for $number {
            fn encode(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_be_bytes());
            }

            fn decode(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_be_bytes(*bytes))
            }
        }
    )+ };
}
big_endian!(u8 u16 u32 u64 u128);

impl Key for () {
    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

/// A zero byte within a string is followed by [`ESCAPED`], the one behind its end by [`END`], which
/// is smaller: "a" sorts before "a\0".
const ESCAPED: u8 = 0xFF;
const END: u8 = 0x01;

impl Key for String {
    fn encode(&self, to: &mut Vec<u8>) {
        for byte in self.bytes() {
            to.push(byte);
            if byte == 0 {
                to.push(ESCAPED);
            }
        }
        to.extend_from_slice(&[0, END]);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut rest = from.iter().copied();
        loop {
            match rest.next()? {
                0 => match rest.next()? {
                    ESCAPED => bytes.push(0),
                    END => break,
                    _ => return None,
                },
                byte => bytes.push(byte),
            }
        }
        *from = &from[from.len() - rest.len()..];
        Self::from_utf8(bytes).ok()
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn encode(&self, to: &mut Vec<u8>) {
        self.0.encode(to);
        self.1.encode(to);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        Some((A::decode(from)?, B::decode(from)?))
    }
}

/// Makes a newtype of a key a key itself, with the text form of what it wraps.
#[macro_export]
macro_rules! key {
    ($($name:ident($inner:ty))+) => { $(
        impl $crate::Key for $name {
            fn encode(&self, to: &mut Vec<u8>) {
                $crate::Key::encode(&self.0, to);
            }

            fn decode(from: &mut &[u8]) -> Option<Self> {
                <$inner as $crate::Key>::decode(from).map(Self)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = <$inner as ::std::str::FromStr>::Err;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+ };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Id, Time};

    #[test]
    fn encodings_sort_as_values_do() {
        let mut texts = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "ab", "b", "한글"]
            .map(|text| (text.to_owned(), 7_u32));
        texts.sort();
        assert!(texts.is_sorted_by_key(Key::to_bytes));
        assert!([0_u64, 1, 255, 256, u64::MAX].is_sorted_by_key(Key::to_bytes));
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for text in ["", "\0", "a\0b", "한글"] {
            let key = (text.to_owned(), 300_u16);
            assert_eq!(<(String, u16)>::from_bytes(&key.to_bytes()), Some(key));
        }
    }

    fn check_key<K: Key>(bytes: &[u8]) {
        if let Some(key) = K::from_bytes(bytes) {
            assert_eq!(key.to_bytes(), bytes, "{key:?}");
        }
        let mut rest = bytes;
        if let Some(key) = K::decode(&mut rest) {
            assert_eq!([&key.to_bytes()[..], rest].concat(), bytes, "{key:?}");
        }
    }

    #[test]
    fn whatever_comes_is_the_one_encoding_of_a_key_or_none() {
        let seeds = [
            ("a\0b".to_owned(), 300_u16).to_bytes(),
            (7_u64, "한글".to_owned()).to_bytes(),
            (Id(9), Time(5)).to_bytes(),
        ];
        fuzz::target("key").seeds(seeds).run(|bytes| {
            check_key::<(String, u16)>(bytes);
            check_key::<(u64, String)>(bytes);
            check_key::<(Id, (Time, u8))>(bytes);
            check_key::<(u32, ())>(bytes);
        });
    }

    #[test]
    fn damaged_encodings_are_refused() {
        let cases: [&[u8]; 6] = [b"", b"a", b"a\0", b"a\0\x02", b"a\0\x01tail", b"\xFF\0\x01"];
        for bytes in cases {
            assert_eq!(String::from_bytes(bytes), None, "{bytes:?}");
        }
        assert_eq!(u64::from_bytes(&[0; 7]), None);
    }
}
