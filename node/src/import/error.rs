//! What went wrong with an import, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::api::ApiError;

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
    /// There are posts but nobody to write them.
    NoPeople {
        /// The file that names the people.
        path: PathBuf,
    },
    /// A request came to nothing.
    Api(ApiError),
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
            Self::NoPeople { path } => {
                write!(f, "{}: nobody is there to write the posts", path.display())
            }
            Self::Api(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ImportError {}

impl From<ApiError> for ImportError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}
