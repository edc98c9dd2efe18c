//! When commands are sent: at fixed times, whether or not earlier ones have been answered, or always.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long commands are still sent in the end that were due when nobody was free to send them.
const PATIENCE: Duration = Duration::from_secs(30);

/// When commands are due. With a rate each takes from then, whoever sends it and when.
#[derive(Debug)]
pub(super) struct Pace {
    begin: Instant,
    warm_up: Duration,
    /// Commands per second; without it one is due whenever somebody is free.
    rate: Option<u64>,
    /// The number of the next command.
    next: AtomicU64,
    /// Nanoseconds from the begin after which nothing is due.
    end: AtomicU64,
    /// Whether nobody is patient any more.
    is_over: AtomicBool,
}

impl Pace {
    /// So many per second from now on: for so long while nothing is measured, and then for so long.
    pub(super) fn new(rate: Option<u64>, warm_up: Duration, measured: Duration) -> Self {
        Self {
            begin: Instant::now(),
            warm_up,
            rate,
            next: AtomicU64::new(0),
            end: AtomicU64::new(nanos(warm_up + measured)),
            is_over: AtomicBool::new(false),
        }
    }

    /// Waits until the next command is due, and yields when that was: long ago if all were busy. None if
    /// there is none any more.
    pub(super) async fn due(&self) -> Option<Instant> {
        if self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        let end = || self.measured().end;
        let Some(rate) = self.rate else {
            let now = Instant::now();
            return (now < end()).then_some(now);
        };
        let due = self.due_at(self.next.fetch_add(1, Ordering::Relaxed), rate);
        if due < end() {
            sleep_until(due).await;
        }
        // It may have been stopped meanwhile.
        (due < end()).then_some(due)
    }

    /// When it is measured.
    pub(super) fn measured(&self) -> Range<Instant> {
        let end = Duration::from_nanos(self.end.load(Ordering::Relaxed));
        self.begin + self.warm_up..self.begin + end
    }

    /// Whether a command counts: with a rate if it was due while it was measured, whenever it ended;
    /// without one if it ended then.
    pub(super) fn counts(&self, due: Instant, ended: Instant) -> bool {
        self.measured().contains(if self.rate.is_some() { &due } else { &ended })
    }

    /// Nothing becomes due any more. What was due is sent all the same.
    pub(super) fn stop(&self) {
        self.end.fetch_min(nanos(self.begin.elapsed()), Ordering::Relaxed);
    }

    /// Waits for those who send, and a bounded time for them to send all that was due. Yields what each
    /// has seen.
    pub(super) async fn join<T: 'static>(&self, mut clients: JoinSet<T>) -> Vec<T> {
        let (patience, mut all) = (Instant::now() + PATIENCE, Vec::new());
        while let Ok(Some(one)) = timeout_at(patience, clients.join_next()).await {
            all.push(one.expect("a panic has been told already"));
        }
        self.is_over.store(true, Ordering::Relaxed);
        all.extend(clients.join_all().await);
        all
    }

    /// When commands were due that would have counted, had anybody been free to send them.
    pub(super) fn missed(&self) -> impl Iterator<Item = Instant> {
        let (first, measured) = (self.next.load(Ordering::Relaxed), self.measured());
        let dues = move |rate| (first..).map(move |number| self.due_at(number, rate));
        let dues = self.rate.into_iter().flat_map(dues);
        let dues = dues.take_while(move |due| *due < measured.end);
        dues.filter(move |due| *due >= measured.start)
    }

    fn due_at(&self, number: u64, rate: u64) -> Instant {
        let nanos = u128::from(number) * 1_000_000_000 / u128::from(rate);
        self.begin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::sleep;

    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn what_was_due_is_sent_late_rather_than_never() {
        let pace = Pace::new(Some(10), Duration::ZERO, 1_000 * MILLI);
        let begin = pace.measured().start;
        sleep(5_000 * MILLI).await;
        for number in 0..10 {
            let due = pace.due().await;
            assert_eq!(due, Some(begin + 100 * MILLI * number));
            assert!(pace.counts(begin + 100 * MILLI * number, Instant::now()));
        }
        assert_eq!(pace.due().await, None);
        assert_eq!(pace.missed().count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_was_free_to_send_is_missed() {
        let pace = Arc::new(Pace::new(Some(10), 500 * MILLI, 1_000 * MILLI));
        let sends = Arc::clone(&pace);
        let mut clients = JoinSet::new();
        clients.spawn(async move {
            let mut sent = 0;
            while sends.due().await.is_some() {
                sent += 1;
                sleep(7_000 * MILLI).await;
            }
            sent
        });
        // At 0, 7, 14, 21 and 28 seconds.
        assert_eq!(pace.join(clients).await, [5]);
        let missed: Vec<_> = pace.missed().map(|it| it - pace.begin).collect();
        assert_eq!(missed, (5..15).map(|it| 100 * MILLI * it).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn what_becomes_due_after_the_stop_is_not_sent() {
        let pace = Pace::new(Some(10), Duration::ZERO, 60_000 * MILLI);
        sleep(250 * MILLI).await;
        pace.stop();
        let mut sent = 0;
        while pace.due().await.is_some() {
            sent += 1;
        }
        assert_eq!((sent, pace.begin.elapsed()), (3, 250 * MILLI));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_whoever_is_free_sends_until_the_end() {
        let pace = Pace::new(None, 500 * MILLI, 1_000 * MILLI);
        let (mut sent, mut counted) = (0, 0);
        while let Some(due) = pace.due().await {
            sleep(400 * MILLI).await;
            sent += 1;
            counted += u32::from(pace.counts(due, Instant::now()));
        }
        // They end after 0.4, 0.8, 1.2 and 1.6 seconds; it is measured from 0.5 to 1.5.
        assert_eq!((sent, counted), (4, 2));
        assert_eq!(pace.missed().count(), 0);
    }
}
