//! What a check finds.

use std::fmt;

/// Something a person should change.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Fault {
    /// Path of the file or folder, from the workspace root.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Name of the rule, as `exceptions.txt` spells it.
    pub rule: &'static str,
    /// What is wrong, and where it helps what to do.
    pub message: String,
}

impl Fault {
    /// Reports `message` at a line of `path`.
    pub fn new(path: &str, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, message } = self;
        write!(f, "{path}:{line}: {message} ({rule})")
    }
}
