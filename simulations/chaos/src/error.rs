//! Why a run ends before it is over.

use std::fmt;
use std::io;

/// Why a run ends before it is over.
#[derive(Debug)]
pub enum ChaosError {
    /// The machine refuses something, and what it is for.
    Io(String, io::Error),
    /// Something that has to be so is not: a sentence.
    Broken(String),
    /// Somebody wants it to end.
    Stopped,
}

impl ChaosError {
    /// Says what the machine has refused.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io(what, error)
    }

    /// Something is not as it has to be.
    pub(crate) fn broken(what: impl Into<String>) -> Self {
        Self::Broken(what.into())
    }
}

impl fmt::Display for ChaosError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::Broken(what) => f.write_str(what),
            Self::Stopped => f.write_str("it was told to end"),
        }
    }
}

impl std::error::Error for ChaosError {}
