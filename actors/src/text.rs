//! Values that people see as one text.

use std::fmt;

/// Gives a type the JSON form that its `FromStr` and `Display` say.
///
/// The type carries `#[serde(try_from = "String", into = "String")]`: then there is one place that
/// checks the text, whether it comes from a path, a query string or a body.
macro_rules! text {
    ($($type:ty)+) => { $(
        impl TryFrom<String> for $type {
            type Error = <$type as ::std::str::FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )+ };
}
pub(crate) use text;

/// Writes bytes as hexadecimal digits in lower case.
pub(crate) fn write_hex(bytes: &[u8], to: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(to, "{byte:02x}"))
}

/// Reads exactly `N` bytes from hexadecimal digits in lower case; `None` for any other text.
pub(crate) fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| byte(*high, *low)).collect();
    bytes?.try_into().ok()
}

fn byte(high: u8, low: u8) -> Option<u8> {
    Some(digit(high)? << 4 | digit(low)?)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_lower_case_hexadecimal_is_read() {
        let cases = [
            ("00ff", Some([0, 255])),
            ("00f", None),
            ("00FF", None),
            ("00ff00", None),
            ("0g00", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read_hex::<2>(text), expected, "{text}");
        }
    }
}
