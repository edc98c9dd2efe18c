//! Ends the process when one input takes for ever: nothing else ends a loop.
#![expect(clippy::disallowed_types, reason = "two threads, and one of them may never let go")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{process, thread};

use crate::corpus::Line;

/// How long one input may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Watches one hunt, until it is dropped.
#[derive(Debug)]
pub struct Guard(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Counts the inputs.
    number: u64,
    input: Vec<u8>,
    is_over: bool,
}

impl Guard {
    /// Watches the hunt of a target.
    pub fn new(target: &'static str) -> Self {
        let state = Arc::default();
        begin(target, Arc::clone(&state));
        Self(state)
    }

    /// The next input is tried.
    pub fn next(&self, input: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.number += 1;
        state.input.clear();
        state.input.extend_from_slice(input);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever turns in circles cannot look at a clock")]
fn begin(target: &'static str, state: Arc<Mutex<State>>) {
    thread::spawn(move || {
        let (mut last, mut waited) = (0, Duration::ZERO);
        loop {
            let pause = Duration::from_millis(500);
            thread::sleep(pause);
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return;
            }
            waited = if state.number == last { waited + pause } else { Duration::ZERO };
            last = state.number;
            if waited >= PATIENCE {
                eprintln!("{target} takes for ever: {}", Line(&state.input));
                process::abort();
            }
        }
    });
}
