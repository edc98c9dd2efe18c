//! openraft's runtime: tokio, by the clock and the chance of the node that a task belongs to.

use std::future::Future;
use std::time::Duration;

use openraft_rt::{AsyncRuntime, Instant};
use openraft_rt_tokio::TokioRuntime;
use rand::rngs::SmallRng;

use crate::home::{Drift, Home, Moment};

#[cfg(not(tokio_unstable))]
compile_error!(
    "build with --cfg tokio_unstable; a variable RUSTFLAGS replaces the flags of .cargo/config.toml"
);

/// Runs openraft's tasks as tasks of [`Home::current`].
#[derive(Debug)]
pub struct Scheduler(TokioRuntime);

impl Instant for Moment {
    fn now() -> Self {
        Home::current().now()
    }
}

impl AsyncRuntime for Scheduler {
    type JoinError = <TokioRuntime as AsyncRuntime>::JoinError;
    type JoinHandle<T: Send + 'static> = <TokioRuntime as AsyncRuntime>::JoinHandle<T>;
    type Sleep = <TokioRuntime as AsyncRuntime>::Sleep;
    type Instant = Moment;
    type TimeoutError = <TokioRuntime as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + Send> = <TokioRuntime as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = SmallRng;
    type Mpsc = <TokioRuntime as AsyncRuntime>::Mpsc;
    type Watch = <TokioRuntime as AsyncRuntime>::Watch;
    type Oneshot = <TokioRuntime as AsyncRuntime>::Oneshot;
    type Mutex<T: Send + 'static> = <TokioRuntime as AsyncRuntime>::Mutex<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future<Output: Send> + Send + 'static,
        T::Output: 'static,
    {
        Home::current().spawn(future)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        Home::current().sleep(duration)
    }

    fn sleep_until(deadline: Moment) -> Self::Sleep {
        Home::current().sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + Send>(
        duration: Duration,
        future: F,
    ) -> Self::Timeout<R, F> {
        tokio::time::timeout(Home::current().true_time(duration), future)
    }

    fn timeout_at<R, F: Future<Output = R> + Send>(
        deadline: Moment,
        future: F,
    ) -> Self::Timeout<R, F> {
        tokio::time::timeout_at(Home::current().instant(deadline), future)
    }

    fn is_panic(join_error: &Self::JoinError) -> bool {
        join_error.is_panic()
    }

    fn thread_rng() -> SmallRng {
        Home::current().chance()
    }

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(async { Home::new(0, Drift::default()).scope(future).await })
    }
}
