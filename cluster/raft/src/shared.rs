//! State that tasks of one node share for a moment, without awaiting.
#![expect(
    clippy::disallowed_types,
    reason = "the one place: what is shared is locked for a moment"
)]

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// A value behind a lock that is held for as long as one closure runs.
#[derive(Default)]
pub struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    /// Shares `value`.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Does something with the value. Must not call itself.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}
