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
    /// An author does not learn of all followers in time: posts would not come to them.
    Unsettled {
        /// The author's handle.
        author: String,
        /// How many they know of.
        known: u64,
        /// How many there are.
        expected: u64,
    },
    /// Feeds do not hold what they should.
    Differs {
        /// How many of them.
        feeds: u64,
        /// One of them, by the handle of its owner.
        example: String,
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
            Self::Unsettled { author, known, expected } => write!(
                f,
                "{author} knows of {known} followers, and should of {expected}. Start it again to wait on"
            ),
            Self::Differs { feeds, example } => {
                write!(
                    f,
                    "{feeds} feeds do not hold what they should, that of {example} for instance"
                )
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
