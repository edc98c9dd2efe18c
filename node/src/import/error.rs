//! What went wrong with an import, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why an import stopped. What was done stays done: the next run goes on behind it.
#[derive(Debug)]
pub enum ImportError {
    /// A file cannot be read or written.
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A line of a file is not what it should be.
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What was expected, and what was found.
        problem: String,
    },
    /// The state file belongs to another import.
    OtherImport {
        /// Which file.
        path: PathBuf,
        /// What is different.
        what: &'static str,
    },
    /// The address is none that can be used.
    Address {
        /// What was given.
        to: String,
    },
    /// There are posts but nobody to write them.
    NoPeople {
        /// The file that names the people.
        path: PathBuf,
    },
    /// roost cannot be reached, or is not ready, although it was tried again.
    Unavailable {
        /// What was tried.
        what: String,
        /// What happened the last time.
        last: String,
    },
    /// roost refused a request for good.
    Refused {
        /// What was tried.
        what: String,
        /// HTTP status.
        status: u16,
        /// What roost said.
        answer: String,
    },
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Line { path, line, problem } => {
                write!(f, "{}, line {line}: {problem}", path.display())
            }
            Self::OtherImport { path, what } => write!(
                f,
                "{}: it remembers an import with {what}; use another --state FILE",
                path.display()
            ),
            Self::Address { to } => {
                write!(f, "--to is {to:?}; expected an address such as http://127.0.0.1:8080")
            }
            Self::NoPeople { path } => {
                write!(f, "{}: nobody is there to write the posts", path.display())
            }
            Self::Unavailable { what, last } => {
                write!(f, "{what}: {last}. Is roost running? Start the import again to go on")
            }
            Self::Refused { what, status, answer } => {
                write!(f, "{what}: refused with status {status}: {answer}")
            }
        }
    }
}

impl std::error::Error for ImportError {}
