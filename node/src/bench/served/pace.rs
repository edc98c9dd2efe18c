//! Commands at fixed times, whether or not earlier ones have been answered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Times at which commands are due. Each takes from then.
#[derive(Debug)]
pub(super) struct Pace {
    begin: Instant,
    end: Instant,
    rate: u64,
    next: AtomicU64,
    is_over: AtomicBool,
}

impl Pace {
    /// So many per second from now on, for so long.
    pub(super) fn new(rate: u64, lasting: Duration) -> Self {
        let begin = Instant::now();
        Self {
            begin,
            end: begin + lasting,
            rate,
            next: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// Waits until the next command is due, and yields when that was; none after the end. Without a pace it
    /// is due at once.
    pub(super) async fn due(pace: Option<&Self>) -> Option<Instant> {
        let Some(pace) = pace else { return Some(Instant::now()) };
        let due = pace.next()?;
        sleep_until(due).await;
        Some(due)
    }

    fn next(&self) -> Option<Instant> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let due =
            self.begin + Duration::from_nanos(number.saturating_mul(1_000_000_000 / self.rate));
        (due < self.end && !self.is_over.load(Ordering::Relaxed)).then_some(due)
    }

    /// Nothing is due any more.
    pub(super) fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
