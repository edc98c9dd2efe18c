//! A seed from its beginning to its report.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use probe::{Seen, setting};
use tokio::runtime::{Builder, RngSeed};
use tokio::task::LocalSet;

use super::bustle::BUSTLE_MAX;
use super::cluster::{Phase, World};
use super::ending::Gate;
use super::plan::Plan;
use super::readers;
use super::sockets::state::Counts;
use crate::case::Look;
use crate::chance::Chance;
use crate::finding::{Finding, Oracle, Under, Wrong};
use crate::timeline::Timeline;
use crate::workloads::counter::Total;
use crate::world::run::text;
use crate::world::view::View;

/// What came of a seed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Nodes, shards, copies.
    pub shape: (u32, u32, u8),
    /// The hash over everything that happened; without one when it panicked.
    pub hash: String,
    /// Messages that arrived.
    pub messages: u64,
    /// Commands and queries of clients.
    pub calls: u64,
    /// Those of which nobody knows whether they had an effect.
    pub unknown: u64,
    /// How long the slowest call took while things went wrong.
    pub slowest: Duration,
    /// Faults.
    pub faults: u64,
    /// Nodes that were killed.
    pub kills: u64,
    /// Entries applied, by all replicas together.
    pub applied: u64,
    /// Reigns that were seen, of all groups together.
    pub reigns: u64,
    /// How long it took, in seconds of virtual time.
    pub seconds: u64,
    /// What happened to those who were connected.
    pub sockets: Option<Counts>,
    /// Which workloads ran.
    pub workloads: Vec<&'static str>,
    /// How many faults of each class came up.
    pub events: BTreeMap<&'static str, u64>,
    /// What was seen of the program.
    pub seen: Seen,
    /// What happened when, if that was kept.
    pub timeline: Timeline,
    /// The first thing that was wrong.
    pub violation: Option<Finding>,
}

/// How long a seed may take, by the clock of whoever waits. One that does not end turns in circles.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long after the last fault a client still waits for an answer.
const ANSWERED_WITHIN: Duration = Duration::from_mins(2);

/// How long after everything else readers have everything too.
const READING_MAX: Duration = Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "one world, one thread: nothing in it sees another")]
fn begin(work: impl FnOnce() + Send + 'static) {
    thread::spawn(work);
}

/// Runs a plan to its end, in a thread of its own: what is seeded once in each thread, is for it.
pub fn run(plan: Plan, look: Look) -> Report {
    let (seed, shape) = (plan.seed, (plan.nodes, plan.shards, plan.copies));
    let workloads = plan.names();
    let (sender, receiver) = mpsc::channel();
    begin(move || {
        seeded_entropy::seed(seed);
        let _in_force = plan.setting.enforce();
        let ran = catch_unwind(AssertUnwindSafe(|| simulate(plan, look)));
        // Nobody listens to a seed that took too long.
        sender.send(ran.map_err(|panic| text(&*panic).to_owned())).ok();
    });
    let ran = match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(report)) => return report,
        Ok(Err(panic)) => Oracle::Panic.finds(panic),
        Err(_) => {
            Oracle::Patience.finds(format!("it does not end within {} s", PATIENCE.as_secs()))
        }
    };
    Report {
        seed,
        shape,
        hash: "-".to_owned(),
        messages: 0,
        calls: 0,
        unknown: 0,
        slowest: Duration::ZERO,
        faults: 0,
        kills: 0,
        applied: 0,
        reigns: 0,
        seconds: 0,
        sockets: None,
        workloads,
        events: BTreeMap::new(),
        seen: Seen::default(),
        timeline: Timeline::default(),
        violation: Some(ran),
    }
}

fn simulate(plan: Plan, look: Look) -> Report {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .rng_seed(RngSeed::from_bytes(&plan.seed.to_le_bytes()))
        .build()
        .expect("a runtime without sockets needs nothing that could be missing");
    let tasks = LocalSet::new();
    let (world, is_whole) = tasks.block_on(&runtime, async {
        let world = World::new(plan, look);
        let until = look.until.unwrap_or(Duration::MAX);
        let is_whole = tokio::select! {
            biased;
            () = world.parts.bustle.overrun() => {
                let what = format!("more than {BUSTLE_MAX} things happen within a second");
                world.blame(Oracle::Bounds.finds(what));
                false
            }
            lived = tokio::time::timeout(until, live(&world)) => lived.is_ok(),
        };
        (world, is_whole)
    });
    if is_whole && !world.is_wrong() {
        check(&world, &runtime, &tasks);
    }
    let _entered = runtime.enter();
    report(&world)
}

async fn live(world: &Rc<World>) {
    world.begin().await;
    if !world.is_wrong() {
        world.lay_ground().await;
    }
    let sockets = world.sockets.clone();
    if let Some(sockets) = sockets.as_ref().filter(|_| !world.is_wrong()) {
        sockets.connect(world).await;
    }
    if !world.is_wrong() {
        // What the ground is made of has arrived where it belongs.
        world.settle().await;
    }
    if world.is_wrong() {
        return;
    }
    world.phase.set(Phase::Faults);
    world.begin_mishaps();
    if let Some(sockets) = &sockets {
        sockets.begin_closing(world);
    }
    let crews: Vec<_> = world.crews.borrow().iter().map(|it| it.clients).collect();
    let mut working = Vec::new();
    for (crew, clients) in crews.into_iter().enumerate() {
        for client in 0..clients {
            working.push(tokio::task::spawn_local(Rc::clone(world).work(crew, client)));
        }
    }
    tokio::time::sleep(world.parts.plan.lasting).await;
    world.calm_down().await;
    for client in working {
        match tokio::time::timeout(ANSWERED_WITHIN, client).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => world.blame(Oracle::Panic.finds("a client panicked")),
            Err(_) => world.blame(Oracle::Settling.finds("a client is not answered")),
        }
    }
    if let Some(sockets) = sockets.as_ref().filter(|_| !world.is_wrong()) {
        sockets.judge(world).await;
    }
    if !world.is_wrong() {
        world.settle().await;
    }
    if !world.is_wrong() {
        world.compare_all();
        // Readers are to have everything by now.
        tokio::time::sleep(READING_MAX).await;
    }
}

fn check(world: &Rc<World>, runtime: &tokio::runtime::Runtime, tasks: &LocalSet) {
    let mut chance = Chance::of(world.parts.plan.seed, "check");
    let Some(client) = world.any_client(&mut chance) else { return };
    let mut gate = Gate { runtime, tasks, client };
    for crew in &mut std::mem::take(&mut *world.crews.borrow_mut()) {
        let view = &mut View::of(&mut gate);
        if let Err(what) = crew.workload.check(view) {
            world.blame(Oracle::Workload(crew.name).finds(what));
        } else if crew.name == "counter"
            && let Err(what) = check_readers(world, view)
        {
            world.blame(Oracle::Readers.finds(what));
        }
    }
}

fn check_readers(world: &World, view: &mut View<'_>) -> Result<(), Wrong> {
    let nodes: Vec<_> = world.going().into_keys().collect();
    for counter in readers::counters() {
        let totals = view.ask(&counter, &Total {})?;
        world.readers.with(|it| it.check(&nodes, counter, &totals)).under(&counter)?;
    }
    Ok(())
}

fn report(world: &World) -> Report {
    let (plan, counts) = (&world.parts.plan, &world.counts);
    let seen = setting::seen();
    let overfull = seen.overfull.as_ref().map(|it| Oracle::Bounds.finds(it.as_str()));
    let (applied, violation) = world.witness.with(|it| (it.applied, it.violation.clone()));
    Report {
        seed: plan.seed,
        shape: (plan.nodes, plan.shards, plan.copies),
        hash: world.trace.with(|it| it.to_string()),
        messages: counts.messages.get(),
        calls: counts.calls.get(),
        unknown: counts.unknown.get(),
        slowest: counts.slowest.get(),
        faults: counts.faults.get(),
        kills: counts.kills.get(),
        applied,
        reigns: world.laws.with(|it| it.reigns()),
        seconds: world.parts.began.elapsed().as_secs(),
        sockets: world.sockets.as_ref().map(|it| it.counts.get()),
        workloads: plan.names(),
        events: counts.events.borrow().clone(),
        seen,
        timeline: world.recorder.take(),
        violation: violation.or(overfull),
    }
}

impl Report {
    /// How much of what happened.
    pub fn sums(&self) -> Vec<(&'static str, u64)> {
        let Counts { connections, pushed, recovered, gaps, .. } = self.sockets.unwrap_or_default();
        vec![
            ("seconds", self.seconds),
            ("messages", self.messages),
            ("commands", self.calls),
            ("unknown", self.unknown),
            ("entries", self.applied),
            ("leaders", self.reigns),
            ("faults", self.faults),
            ("restarts", self.kills),
            ("connections", connections),
            ("pushes", pushed),
            ("resumes", recovered),
            ("gaps", gaps),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, hash, messages, calls, unknown, faults, kills, applied, .. } = self;
        let (nodes, shards, copies) = self.shape;
        write!(f, "seed {seed} hash {hash} nodes {nodes} shards {shards} copies {copies} ")?;
        write!(f, "messages {messages} applied {applied} commands {calls} unknown {unknown} ")?;
        write!(f, "faults {faults} kills {kills} virtual {} s ", self.seconds)?;
        if let Some(sockets) = &self.sockets {
            write!(f, "{sockets}")?;
        }
        write!(
            f,
            "{} violations {}",
            self.workloads.join("+"),
            u8::from(self.violation.is_some())
        )?;
        match &self.violation {
            Some(what) => write!(f, ": {what}"),
            None => Ok(()),
        }
    }
}
