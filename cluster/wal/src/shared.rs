//! State that readers and the writer share for a moment.
#![expect(
    clippy::disallowed_types,
    reason = "the one place: what is shared is locked for a moment"
)]

use std::fmt;
use std::sync::{Condvar, Mutex, PoisonError};

/// A value behind a lock that is held for as long as one closure runs.
#[derive(Default)]
pub(crate) struct Shared<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Condvar::new() }
    }

    /// Does something with the value.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes who waits in [`Shared::wait_for`].
    pub(crate) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits until something is there.
    pub(crate) fn wait_for<R>(&self, mut find: impl FnMut(&mut T) -> Option<R>) -> R {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = find(&mut value) {
                return found;
            }
            value = self.changed.wait(value).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}
