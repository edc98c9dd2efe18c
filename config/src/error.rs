//! What is wrong with a setting, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// This file.
    File(PathBuf),
    /// An environment variable.
    Environment,
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment => write!(f, "environment"),
            Self::Flag => write!(f, "command line"),
        }
    }
}

/// Why a configuration is refused. Nothing of it is applied.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is no TOML.
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and what, in several lines.
        message: String,
    },
    /// There is no such setting.
    Unknown {
        /// Where it stands.
        source: Source,
        /// What it is called there.
        name: String,
        /// The known name most like it.
        nearest: String,
    },
    /// A setting cannot have this value.
    Value {
        /// Where it stands.
        source: Source,
        /// What it is called there.
        name: String,
        /// The value found.
        found: String,
        /// Which values it may have.
        expected: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => {
                write!(f, "{}: cannot be read: {error}", path.display())
            }
            Self::Syntax { path, message } => write!(f, "{}: {message}", path.display()),
            Self::Unknown { source, name, nearest } => {
                write!(f, "{source}: there is no setting {name}; did you mean {nearest}?")
            }
            Self::Value { source, name, found, expected } => {
                write!(f, "{source}: {name} is {found:?}; expected {expected}")
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { error, .. } => Some(error),
            Self::Syntax { .. } | Self::Unknown { .. } | Self::Value { .. } => None,
        }
    }
}
