//! Names of accounts, as people type them.

use std::fmt;
use std::str::FromStr;

use entity::{Key, data};

use crate::text::text;

/// Shortest handle, in characters.
pub const HANDLE_CHARS_MIN: usize = 3;

/// Longest handle, in characters: it fits into every line that shows one.
pub const HANDLE_CHARS_MAX: usize = 30;

/// Names an account for people: 3 to 30 characters of a-z, 0-9 and `_`. Capital letters are accepted
/// and become small ones.
#[data]
#[derive(Ord, PartialOrd)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[A-Za-z0-9_]{3,30}$"))]
pub struct HandleName(String);

/// The text is no handle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoHandle;

impl fmt::Display for NoHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a handle: {HANDLE_CHARS_MIN} to {HANDLE_CHARS_MAX} characters of a-z, 0-9 and _"
        )
    }
}

impl std::error::Error for NoHandle {}

impl FromStr for HandleName {
    type Err = NoHandle;

    fn from_str(text: &str) -> Result<Self, NoHandle> {
        let name = Self(text.to_ascii_lowercase());
        name.is_valid().then_some(name).ok_or(NoHandle)
    }
}

impl fmt::Display for HandleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text!(HandleName);

impl Key for HandleName {
    fn encode(&self, to: &mut Vec<u8>) {
        self.0.encode(to);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        String::decode(from).map(Self).filter(Self::is_valid)
    }
}

impl HandleName {
    fn is_valid(&self) -> bool {
        let is_allowed = |it: u8| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'_');
        (HANDLE_CHARS_MIN..=HANDLE_CHARS_MAX).contains(&self.0.len())
            && self.0.bytes().all(is_allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_checked_and_folded() {
        let longest = "a".repeat(HANDLE_CHARS_MAX);
        let too_long = "a".repeat(HANDLE_CHARS_MAX + 1);
        let cases = [
            ("ann", Some("ann")),
            ("Ann_7", Some("ann_7")),
            (&longest, Some(&longest[..])),
            ("", None),
            ("an", None),
            (&too_long, None),
            ("ann b", None),
            ("ann\0", None),
            ("änn", None),
            // A Kelvin sign folds to `k` elsewhere: not here.
            ("\u{212A}elvin", None),
        ];
        for (text, expected) in cases {
            let name = text.parse::<HandleName>().map(String::from).ok();
            assert_eq!(name.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn only_folded_bytes_are_a_key() {
        let key = |text: &str| HandleName::from_bytes(&text.to_owned().to_bytes());
        assert_eq!(key("ann"), "ann".parse().ok());
        assert_eq!(key("Ann"), None);
    }
}
