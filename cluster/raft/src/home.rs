//! What the tasks of one node have in common: they end with it, and see its clock and its chance.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::task::{AbortHandle, JoinHandle, LocalKey, futures::TaskLocalFuture};
use tokio::time::{Instant, Sleep};

use crate::shared::Shared;

tokio::task_local! {
    static HOME: Home;
}

/// How fast the clock of a node runs, in millionths more or less than true time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Drift(pub i32);

/// The node that a task belongs to. Clones are the same node.
///
/// Every task of a node is spawned here, so that none outlives it: [`Home::end`] drops them all.
#[derive(Clone)]
pub struct Home(Arc<Inner>);

struct Inner {
    origin: Instant,
    drift: Drift,
    /// Splitmix64: only its draws are used, as seeds.
    chance: AtomicU64,
    is_paused: AtomicBool,
    tasks: Shared<Tasks>,
}

#[derive(Default)]
struct Tasks {
    next: u64,
    running: BTreeMap<u64, AbortHandle>,
    tallied: usize,
    is_over: bool,
    /// Tasks that wait for the end of a pause.
    waiting: Vec<Waker>,
}

/// Counts as a task of its node for as long as it lives: for tasks that others spawned.
pub struct Tally(Arc<Inner>);

/// A moment by the clock of a node that neither jumps nor stands still.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(Duration);

/// Where the clocks of all nodes begin: far enough from zero for what lies before.
const BEGINNING: Duration = Duration::from_secs(1_000_000);

const MILLION: i128 = 1_000_000;

impl Drift {
    /// What the node measures while `lasting` passes in truth.
    fn measured(self, lasting: Duration) -> Duration {
        self.scaled(lasting, MILLION + i128::from(self.0), MILLION, 0)
    }

    /// How long the node sleeps in truth when it means to sleep for `lasting`. Never so little that it
    /// measures less when it wakes: it would go to sleep again at once, and again.
    fn true_time(self, lasting: Duration) -> Duration {
        let rate = MILLION + i128::from(self.0);
        self.scaled(lasting, MILLION, rate, rate - 1)
    }

    fn scaled(self, lasting: Duration, by: i128, of: i128, carry: i128) -> Duration {
        if self.0 == 0 {
            return lasting;
        }
        let nanos = i128::try_from(lasting.as_nanos()).unwrap_or(i128::MAX / (2 * MILLION));
        Duration::from_nanos(u64::try_from((nanos * by + carry) / of).unwrap_or(u64::MAX))
    }
}

impl Home {
    /// A node without tasks. All its chance follows from `seed`.
    ///
    /// Call it inside a tokio runtime.
    pub fn new(seed: u64, drift: Drift) -> Self {
        let (origin, chance) = (Instant::now(), AtomicU64::new(seed));
        let is_paused = AtomicBool::new(false);
        Self(Arc::new(Inner { origin, drift, chance, is_paused, tasks: Shared::default() }))
    }

    /// The node that the running task belongs to.
    ///
    /// # Panics
    ///
    /// Outside of [`Home::scope`] and of what was spawned there.
    pub fn current() -> Self {
        HOME.get()
    }

    /// Lets `future` run as a part of this node.
    pub fn scope<F: Future>(&self, future: F) -> TaskLocalFuture<Self, F> {
        let key: &'static LocalKey<Self> = &HOME;
        key.scope(self.clone(), future)
    }

    /// Starts a task of this node. After [`Home::end`] it is dropped at once.
    #[expect(clippy::disallowed_methods, reason = "this is how a task comes to belong to a node")]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let number = self.0.tasks.with(|tasks| {
            tasks.next += 1;
            tasks.next
        });
        let end = TaskEnd { home: Arc::clone(&self.0), number };
        let paced = Paced { home: Arc::clone(&self.0), future: Box::pin(future) };
        let task = tokio::spawn(self.scope(async move {
            let _end = end;
            paced.await
        }));
        let handle = task.abort_handle();
        let is_over = self.0.tasks.with(|tasks| {
            if !handle.is_finished() {
                tasks.running.insert(number, handle.clone());
            }
            tasks.is_over
        });
        if is_over {
            handle.abort();
        }
        task
    }

    /// Ends all tasks, and those that are spawned later. They are dropped where they wait.
    pub fn end(&self) {
        let running = self.0.tasks.with(|tasks| {
            tasks.is_over = true;
            tasks.running.values().cloned().collect::<Vec<_>>()
        });
        running.iter().for_each(AbortHandle::abort);
    }

    /// Lets its tasks stand still, as if the process were stopped: for simulations.
    pub fn pause(&self) {
        self.0.is_paused.store(true, Ordering::Relaxed);
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.0.is_paused.store(false, Ordering::Relaxed);
        let waiting = self.0.tasks.with(|tasks| std::mem::take(&mut tasks.waiting));
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether the node has ended.
    pub fn is_over(&self) -> bool {
        self.0.tasks.with(|tasks| tasks.is_over)
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> usize {
        self.0.tasks.with(|tasks| {
            tasks.tallied + tasks.running.values().filter(|it| !it.is_finished()).count()
        })
    }

    /// Counts a task that somebody else spawned.
    pub fn tally(&self) -> Tally {
        self.0.tasks.with(|tasks| tasks.tallied += 1);
        Tally(Arc::clone(&self.0))
    }

    /// The next seed.
    pub fn seed(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.chance.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A generator of its own.
    pub fn chance(&self) -> SmallRng {
        SmallRng::seed_from_u64(self.seed())
    }

    /// The moment by this node's clock.
    pub fn now(&self) -> Moment {
        let passed = Instant::now().saturating_duration_since(self.0.origin);
        Moment(BEGINNING + self.0.drift.measured(passed))
    }

    /// Sleeps until `moment` by this node's clock.
    pub fn sleep_until(&self, moment: Moment) -> Sleep {
        tokio::time::sleep_until(self.instant(moment))
    }

    /// Sleeps for `lasting` by this node's clock.
    pub fn sleep(&self, lasting: Duration) -> Sleep {
        tokio::time::sleep(self.true_time(lasting))
    }

    /// What `lasting` by this node's clock is in truth.
    pub fn true_time(&self, lasting: Duration) -> Duration {
        self.0.drift.true_time(lasting)
    }

    /// How long `lasting` in truth is by this node's clock.
    pub fn measured(&self, lasting: Duration) -> Duration {
        self.0.drift.measured(lasting)
    }

    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        let passed = moment.0.saturating_sub(BEGINNING);
        self.0.origin + self.0.drift.true_time(passed)
    }
}

/// A task that stands still while its node does.
struct Paced<F> {
    home: Arc<Inner>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Paced<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.home.is_paused(context) {
            Poll::Pending
        } else {
            self.future.as_mut().poll(context)
        }
    }
}

impl Inner {
    /// Whether the node stands still; then the task is woken when it goes on.
    fn is_paused(&self, context: &Context<'_>) -> bool {
        let is_paused = self.is_paused.load(Ordering::Relaxed);
        if is_paused {
            self.tasks.with(|tasks| tasks.waiting.push(context.waker().clone()));
        }
        is_paused
    }
}

/// Tells a node that a task has ended, however it did.
struct TaskEnd {
    home: Arc<Inner>,
    number: u64,
}

impl Drop for TaskEnd {
    fn drop(&mut self) {
        let number = self.number;
        self.home.tasks.with(|tasks| tasks.running.remove(&number));
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.0.tasks.with(|tasks| tasks.tallied -= 1);
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("drift", &self.0.drift).finish_non_exhaustive()
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, lasting: Duration) -> Self {
        Self(self.0.saturating_add(lasting))
    }
}

impl std::ops::AddAssign<Duration> for Moment {
    fn add_assign(&mut self, lasting: Duration) {
        *self = *self + lasting;
    }
}

impl std::ops::Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, lasting: Duration) -> Self {
        Self(self.0.saturating_sub(lasting))
    }
}

impl std::ops::SubAssign<Duration> for Moment {
    fn sub_assign(&mut self, lasting: Duration) {
        *self = *self - lasting;
    }
}

impl std::ops::Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_drift() {
        let hour = Duration::from_hours(1);
        let cases = [(0, 3_600_000_000), (1_000, 3_603_600_000), (-250_000, 2_700_000_000_u64)];
        for (drift, micros) in cases {
            let measured = Drift(drift).measured(hour);
            assert_eq!(measured, Duration::from_micros(micros), "{drift}");
            let back = Drift(drift).true_time(measured);
            assert!(back.abs_diff(hour) < Duration::from_micros(1), "{drift}: {back:?}");
        }
    }

    #[test]
    fn nobody_wakes_before_the_time_has_come() {
        for drift in [-20_000, -7, 1, 3, 19_999] {
            for nanos in 1_000_000..1_000_100 {
                let lasting = Duration::from_nanos(nanos);
                let measured = Drift(drift).measured(Drift(drift).true_time(lasting));
                assert!(measured >= lasting, "{drift}: {measured:?} of {lasting:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_task_outlives_its_node() {
        let home = Home::new(1, Drift::default());
        let inner = home.clone();
        home.spawn(async move {
            inner.spawn(std::future::pending::<()>());
            std::future::pending::<()>().await;
        });
        home.spawn(async {});
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(home.tasks(), 2);

        home.end();
        home.spawn(std::future::pending::<()>());
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(home.tasks(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_sleeps_by_its_own_clock() {
        let home = Home::new(1, Drift(-500_000));
        let (began, true_beginning) = (home.now(), Instant::now());
        home.sleep(Duration::from_secs(1)).await;
        assert_eq!(home.now() - began, Duration::from_secs(1));
        assert_eq!(true_beginning.elapsed(), Duration::from_secs(2));
    }
}
