//! Which places of the program were reached, where it was compiled with counters.
#![expect(unsafe_code, reason = "the compiler hands over a range of memory")]

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::{ptr, slice};

/// Where the counters are. A program without any has none.
static FIRST: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Called before `main` by every crate that counts, with the counters of all of them.
///
/// # Safety
///
/// From `first` to `end` are bytes that live as long as the program.
#[unsafe(no_mangle)]
unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(first: *mut u8, end: *mut u8) {
    FIRST.store(first, Ordering::Relaxed);
    COUNT.store(end as usize - first as usize, Ordering::Relaxed);
}

/// What was reached so far, and how often at most: a bit for each magnitude.
#[derive(Debug, Default)]
pub struct Reached(Vec<u8>);

impl Reached {
    /// Whether the program counts.
    pub fn is_counted() -> bool {
        COUNT.load(Ordering::Relaxed) > 0
    }

    /// How many places were reached.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|it| **it != 0).count()
    }

    /// Does something, and adds what it reached. Nothing else may run meanwhile. Yields how much of it
    /// is new.
    pub fn add(&mut self, work: impl FnOnce()) -> usize {
        let (first, count) = (FIRST.load(Ordering::Relaxed), COUNT.load(Ordering::Relaxed));
        if count == 0 {
            work();
            return 0;
        }
        // SAFETY: the range was given by the compiler; a count that another thread changes at the same
        // moment may be wrong, and is still a byte.
        let counters = unsafe { slice::from_raw_parts_mut(first, count) };
        counters.fill(0);
        work();
        self.0.resize(count, 0);
        let mut new = 0;
        for (seen, counter) in self.0.iter_mut().zip(counters.iter()) {
            let magnitude = magnitude(*counter);
            if magnitude & !*seen != 0 {
                *seen |= magnitude;
                new += 1;
            }
        }
        new
    }
}

/// A bit for how often something was reached: 0, 1, 2, 3, 4 and more, and so on.
fn magnitude(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128..=255 => 128,
    }
}
