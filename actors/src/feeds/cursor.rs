//! Where a reader of a feed goes on.

use std::fmt;
use std::str::FromStr;

use entity::{Offset, data};

use crate::posts::api::PostId;
use crate::text::text;

/// A reader's position: one in what was pushed, one in what is pulled. Both only ever decrease.
///
/// The text is opaque to clients: offset and post id with a dash between them, at most 47 bytes.
#[data]
#[derive(Copy)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// Items before this one have not been read.
    pub pushed: Offset,
    /// Pulled posts older than this one have not been read.
    pub pulled: PostId,
}

impl Cursor {
    /// Behind the newest of everything.
    pub const START: Self = Self { pushed: Offset::MAX, pulled: PostId::MAX };
    /// Before the oldest of everything: there is nothing more to read.
    pub const END: Self = Self { pushed: Offset(0), pulled: PostId::MIN };
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoCursor;

impl fmt::Display for NoCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a cursor: the `next` of the page before")
    }
}

impl std::error::Error for NoCursor {}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (pushed, pulled) = text.split_once('-').ok_or(NoCursor)?;
        let pushed = Offset(pushed.parse().or(Err(NoCursor))?);
        let cursor = Self { pushed, pulled: pulled.parse().or(Err(NoCursor))? };
        // A number has several texts, such as 7, 07 and +7; a cursor has one.
        (cursor.to_string() == text).then_some(cursor).ok_or(NoCursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pushed, self.pulled)
    }
}

text!(Cursor);

#[cfg(test)]
mod tests {
    use entity::Id;

    use super::*;

    #[test]
    fn a_cursor_comes_back_from_its_text() {
        let middle = Cursor { pushed: Offset(7), pulled: PostId(Id(9)) };
        for cursor in [Cursor::START, middle, Cursor::END] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        assert_eq!(middle.to_string(), "7-00000000000000000000000009");
    }

    #[test]
    fn whatever_comes_is_the_one_text_of_a_cursor_or_refused() {
        fuzz::target("cursor").seeds([Cursor::START.to_string(), Cursor::END.to_string()]).run(
            |bytes| {
                let text = String::from_utf8_lossy(bytes);
                if let Ok(cursor) = text.parse::<Cursor>() {
                    assert_eq!(cursor.to_string(), text);
                }
            },
        );
    }

    #[test]
    fn other_texts_are_refused() {
        let id = Id(9);
        let cases = [
            String::new(),
            "7".into(),
            "7-".into(),
            format!("-{id}"),
            format!("+7-{id}"),
            format!("07-{id}"),
            format!("7-{id}-"),
            format!("18446744073709551616-{id}"),
        ];
        for text in cases {
            assert_eq!(text.parse::<Cursor>(), Err(NoCursor), "{text}");
        }
    }
}
