//! A value that is read, written, and swapped for another one.

use super::specification::Specification;

/// A value that is read, written, and swapped for another one.
#[derive(Clone, Copy, Debug)]
pub enum Register {}

/// What a register can be asked.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Asked {
    /// Its value.
    Read,
    /// To have this value.
    Write(u64),
    /// To have another value if it has this one. Refused if it has not.
    Swap {
        /// The value it has to have.
        from: u64,
        /// The value it is to have.
        to: u64,
    },
}

/// What a register replies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Said {
    /// It has this value.
    Value(u64),
    /// It was written.
    Done,
}

impl Specification for Register {
    type State = u64;
    type Operation = Asked;
    type Reply = Said;

    fn is_read(asked: &Asked) -> bool {
        matches!(asked, Asked::Read)
    }

    fn apply(value: &mut u64, asked: &Asked) -> Option<Said> {
        match *asked {
            Asked::Read => return Some(Said::Value(*value)),
            Asked::Write(written) => *value = written,
            Asked::Swap { from, .. } if from != *value => return None,
            Asked::Swap { to, .. } => *value = to,
        }
        Some(Said::Done)
    }
}
