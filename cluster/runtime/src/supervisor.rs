//! Keeps work alive: restarts what fails, more and more slowly, and fails itself when nothing helps.
//!
//! ractor starts and links the actors and reports how they end. What to do about that is ours: it has
//! no restarts, and its default stops the parent with the child.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use raft::home::{Home, Moment, Tally};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// What a child does, from its start to its end. An error is a failure, and so is a panic.
pub type Work =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Most failures of one permanent child within [`WINDOW`]. One more, and its supervisor fails. Work
/// that may end is one of many: it is begun again for ever.
pub const FAILURES_MAX: usize = 8;

/// See [`FAILURES_MAX`]. A branch that fails as quickly as it can fails that often within it, too.
pub const WINDOW: Duration = Duration::from_mins(1);

/// Pause before the first restart. Each further one within [`WINDOW`] doubles it.
pub const BACK_OFF_MIN: Duration = Duration::from_millis(20);

/// Longest pause before a restart.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// Work with a name.
#[derive(Clone)]
pub struct Child {
    /// Unique under its supervisor.
    pub name: String,
    /// What it does. It is called again for each restart.
    pub work: Work,
    /// Whether it is begun anew when it ends without a failure.
    pub is_permanent: bool,
}

impl Child {
    /// Work that never ends by itself.
    pub fn permanent<F, W>(name: impl Into<String>, work: W) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
        W: Fn() -> F + Send + Sync + 'static,
    {
        Self { name: name.into(), work: Arc::new(move || Box::pin(work())), is_permanent: true }
    }

    /// Work that may end.
    pub fn passing<F, W>(name: impl Into<String>, work: W) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
        W: Fn() -> F + Send + Sync + 'static,
    {
        Self { is_permanent: false, ..Self::permanent(name, work) }
    }
}

/// One for one: a child that fails begins anew, the others go on.
struct Supervision;

/// A running supervisor. Clones are the same.
#[derive(Clone)]
pub struct Supervisor {
    actor: ActorRef<Order>,
}

/// What a supervisor is told.
enum Order {
    Start(Child),
    Restart(String),
    Stop(String),
    List(oneshot::Sender<Vec<String>>),
}

struct Children {
    home: Home,
    known: BTreeMap<String, Known>,
    _tally: Tally,
}

struct Known {
    child: Child,
    running: Option<ActorRef<Ended>>,
    failures: VecDeque<Moment>,
}

impl Supervisor {
    /// Starts a supervisor at the top of a tree. `on_failure` is called when it gives up.
    ///
    /// # Errors
    ///
    /// When the runtime is going down.
    pub async fn start(
        home: &Home,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> Result<Self, String> {
        // No name: ractor's names are global to the process, and there may be several nodes.
        let (actor, ended) = Actor::spawn(None, Supervision, home.clone())
            .await
            .map_err(|error| error.to_string())?;
        let watched = actor.clone();
        let is_over = home.clone();
        home.spawn(async move {
            // A node that is going down ends its supervisors too; that is no failure.
            if ended.await.is_ok()
                && !is_over.is_over()
                && watched.get_status() == ractor::ActorStatus::Stopped
            {
                on_failure();
            }
        });
        Ok(Self { actor })
    }

    /// Starts a supervisor under this one. It is begun anew, empty, if it fails: `fill` starts its
    /// children each time.
    pub fn branch<F>(
        &self,
        name: &str,
        home: &Home,
        fill: impl Fn(Self) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (home, fill) = (home.clone(), Arc::new(fill));
        self.run(Child::permanent(name, move || {
            let (home, fill) = (home.clone(), Arc::clone(&fill));
            async move {
                let (failed, failure) = oneshot::channel();
                let branch = Self::start(&home, move || tell(failed)).await?;
                let stem = Stem(branch.clone());
                fill(branch).await;
                let end = failure.await.map_or("it ended", |()| "a child failed too often");
                drop(stem);
                Err(end.to_owned())
            }
        }));
    }

    /// Starts a child, unless one of its name is there.
    pub fn run(&self, child: Child) {
        self.order(Order::Start(child));
    }

    /// Stops a child; whatever it was doing is dropped.
    pub fn stop(&self, name: &str) {
        self.order(Order::Stop(name.to_owned()));
    }

    /// The names of its children that run.
    pub async fn children(&self) -> Vec<String> {
        let (sender, receiver) = oneshot::channel();
        self.order(Order::List(sender));
        receiver.await.unwrap_or_default()
    }

    /// Ends it with all that is below it, without waiting.
    pub fn kill(&self) {
        self.actor.kill();
    }

    fn order(&self, order: Order) {
        // It is going down, and nobody needs the order any more.
        drop(self.actor.cast(order));
    }
}

fn tell(failed: oneshot::Sender<()>) {
    // Nobody waits any more when the node goes down.
    failed.send(()).ok();
}

/// Kills a supervisor with the work that it is.
struct Stem(Supervisor);

impl Drop for Stem {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Actor for Supervision {
    type Msg = Order;
    type State = Children;
    type Arguments = Home;

    async fn pre_start(
        &self,
        _: ActorRef<Order>,
        home: Home,
    ) -> Result<Children, ActorProcessingErr> {
        let tally = home.tally();
        Ok(Children { home, known: BTreeMap::new(), _tally: tally })
    }

    async fn handle(
        &self,
        me: ActorRef<Order>,
        order: Order,
        children: &mut Children,
    ) -> Result<(), ActorProcessingErr> {
        match order {
            Order::Start(child) => {
                let name = child.name.clone();
                if !children.known.contains_key(&name) {
                    let known = Known { child, running: None, failures: VecDeque::new() };
                    children.known.insert(name.clone(), known);
                    children.begin(&me, &name).await?;
                }
            }
            Order::Restart(name) => children.begin(&me, &name).await?,
            Order::Stop(name) => {
                if let Some(running) = children.known.remove(&name).and_then(|it| it.running) {
                    running.stop(None);
                }
            }
            Order::List(sender) => {
                let names = children.known.iter().filter(|(_, it)| it.running.is_some());
                drop(sender.send(names.map(|(name, _)| name.clone()).collect()));
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<Order>,
        event: SupervisionEvent,
        children: &mut Children,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(actor, error) => {
                children.ended(&me, actor.get_id(), Some(&error.to_string()))
            }
            SupervisionEvent::ActorTerminated(actor, ..) => {
                children.ended(&me, actor.get_id(), None)
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => Ok(()),
        }
    }
}

impl Children {
    async fn begin(&mut self, me: &ActorRef<Order>, name: &str) -> Result<(), ActorProcessingErr> {
        let Some(known) = self.known.get_mut(name).filter(|it| it.running.is_none()) else {
            return Ok(());
        };
        let arguments = (self.home.clone(), Arc::clone(&known.child.work));
        let (actor, _) = Actor::spawn_linked(None, Worker, arguments, me.get_cell()).await?;
        known.running = Some(actor);
        Ok(())
    }

    fn ended(
        &mut self,
        me: &ActorRef<Order>,
        actor: ActorId,
        failure: Option<&str>,
    ) -> Result<(), ActorProcessingErr> {
        let is_it = |known: &Known| known.running.as_ref().is_some_and(|it| it.get_id() == actor);
        // One that was stopped on purpose is not known any more.
        let Some((name, known)) = self.known.iter_mut().find(|(_, it)| is_it(it)) else {
            return Ok(());
        };
        let name = name.clone();
        known.running = None;
        if failure.is_none() && !known.child.is_permanent {
            self.known.remove(&name);
            return Ok(());
        }
        let pause = known.count_failure(self.home.now());
        tracing::warn!(child = name, ?failure, ?pause, "a child ended");
        let Some(pause) = pause else { return Err(format!("{name} failed too often").into()) };
        let (home, me) = (self.home.clone(), me.clone());
        self.home.spawn(async move {
            home.sleep(pause).await;
            drop(me.cast(Order::Restart(name)));
        });
        Ok(())
    }
}

impl Known {
    /// Counts a failure: how long to wait before the restart, if there is to be one.
    fn count_failure(&mut self, now: Moment) -> Option<Duration> {
        self.failures.retain(|at| now - *at < WINDOW);
        let before = u32::try_from(self.failures.len()).expect("a few");
        self.failures.push_back(now);
        if self.child.is_permanent && self.failures.len() > FAILURES_MAX {
            return None;
        }
        let min = probe::knob!(BackOff, BACK_OFF_MIN);
        Some((min * 2_u32.saturating_pow(before.min(16))).min(BACK_OFF_MAX))
    }
}

/// An actor around one piece of work.
struct Worker;

/// The work has ended.
struct Ended(Result<(), String>);

struct Working {
    task: AbortHandle,
    _tally: Tally,
}

impl Drop for Working {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Actor for Worker {
    type Msg = Ended;
    type State = Working;
    type Arguments = (Home, Work);

    async fn pre_start(
        &self,
        me: ActorRef<Ended>,
        (home, work): Self::Arguments,
    ) -> Result<Working, ActorProcessingErr> {
        let task = home.spawn(async move {
            let result = AssertUnwindSafe(async move { work().await }).catch_unwind().await;
            let result = result.unwrap_or_else(|panic| Err(format!("panic: {}", text(&*panic))));
            drop(me.cast(Ended(result)));
        });
        Ok(Working { task: task.abort_handle(), _tally: home.tally() })
    }

    async fn handle(
        &self,
        me: ActorRef<Ended>,
        Ended(result): Ended,
        _: &mut Working,
    ) -> Result<(), ActorProcessingErr> {
        result?;
        me.stop(None);
        Ok(())
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use raft::home::Drift;

    use super::*;

    /// Work that fails so many times, then waits for ever.
    fn fails(times: usize, runs: &Arc<AtomicUsize>) -> Child {
        let runs = Arc::clone(runs);
        Child::permanent("it", move || {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(run % 2 == 1 || run >= times, "every second failure is a panic");
                if run < times { Err("failed".to_owned()) } else { std::future::pending().await }
            }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_begins_anew() {
        std::panic::set_hook(Box::new(|_| {}));
        let (home, runs) = (Home::new(1, Drift::default()), Arc::new(AtomicUsize::new(0)));
        let supervisor =
            Supervisor::start(&home, || unreachable!("it does not fail")).await.unwrap();
        supervisor.run(fails(5, &runs));
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(runs.load(Ordering::Relaxed), 6);
        assert_eq!(supervisor.children().await, ["it"]);

        supervisor.stop("it");
        assert!(supervisor.children().await.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_always_fails_takes_its_supervisor_along() {
        std::panic::set_hook(Box::new(|_| {}));
        let (home, runs) = (Home::new(1, Drift::default()), Arc::new(AtomicUsize::new(0)));
        let (failed, failure) = oneshot::channel();
        let top = Supervisor::start(&home, move || tell(failed)).await.unwrap();
        let counted = Arc::clone(&runs);
        top.branch("branch", &home, move |branch| {
            branch.run(fails(usize::MAX, &counted));
            async {}
        });
        tokio::time::timeout(Duration::from_hours(1), failure).await.unwrap().unwrap();
        assert!(runs.load(Ordering::Relaxed) > 10 * FAILURES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_of_a_node_that_ends() {
        let home = Home::new(1, Drift::default());
        let top = Supervisor::start(&home, || {}).await.unwrap();
        top.branch("branch", &home, |branch| {
            branch.run(Child::permanent("leaf", std::future::pending));
            async {}
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(home.tasks() > 4);
        home.end();
        top.kill();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(home.tasks(), 0);
    }
}
