//! Nodes are cut off from each other, under load: nothing is lost, and what they answer is never old.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::load::Load;
use crate::namespaces::{Lost, Nodes, SHARDS, between_wires, urls};
use crate::operator::Operator;
use crate::witness::Witness;

/// How long a cut lasts. What is published meanwhile is acknowledged before the end.
const LASTING: Duration = Duration::from_secs(8);

/// How long witnesses look on when a cut is over.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// Longest that nodes may take to find each other, far above what is usual.
const FINDING_MAX: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What is cut off from what.
struct Cut {
    name: &'static str,
    /// From which node to which one nothing arrives.
    lost: &'static [(usize, usize)],
    /// The nodes that reach a quorum, and are reached.
    serving: &'static [usize],
    /// The others.
    asked: &'static [usize],
}

const ALL: [usize; 3] = [1, 2, 3];

const CUTS: [Cut; 3] = [
    Cut {
        name: "1 is alone",
        lost: &[(1, 2), (1, 3), (2, 1), (3, 1)],
        serving: &[2, 3],
        asked: &[1],
    },
    Cut { name: "nobody hears 2", lost: &[(2, 1), (2, 3)], serving: &[1, 3], asked: &[2] },
    Cut {
        name: "1 and 3 do not hear each other",
        lost: &[(1, 3), (3, 1)],
        serving: &[2],
        asked: &[1, 3],
    },
];

#[test]
fn nodes_that_are_cut_off_lose_nothing_and_say_nothing_that_is_old() {
    if let Some(said) = between_wires("cut::nodes_are_cut_off") {
        eprintln!("{said}");
    }
}

#[test]
#[ignore = "a part of another test"]
fn nodes_are_cut_off() {
    let nodes = Nodes::new("cut");
    let (places, known) = watch::channel(urls(&ALL));
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    let anybody = Client::new(&known);
    let operator = Operator::new(&anybody, &nodes.operator());
    runtime.block_on(agreed(&operator));
    let mut witnesses = runtime.block_on(Witness::of_each(SHARDS, &anybody));
    let mut cut_off = |cut: &Cut| {
        places.send_replace(urls(cut.serving));
        runtime.block_on(cut.happen(&operator, &mut witnesses));
    };
    // Without load, answers wait for no record that cannot commit: only a quorum keeps them back.
    cut_off(&CUTS[0]);
    let load = Load::new(urls(&ALL));
    CUTS.iter().for_each(cut_off);
    load.check();
    places.send_replace(urls(&ALL));
    runtime.block_on(join_all(witnesses.iter().map(Witness::check)));
    runtime.block_on(agreed(&operator));
}

impl Cut {
    /// Happens for a while, and is over when all nodes are ready again.
    async fn happen(&self, operator: &Operator, witnesses: &mut [Witness]) {
        // Who leads nothing could not say anything that is old.
        let leads = async |node: &usize| operator.leads(*node).await;
        until(async || join_all(self.asked.iter().map(leads)).await.contains(&true)).await;
        let lost = Lost::new(self.lost);
        let lasting = async {
            sleep(LASTING / 2).await;
            tokio::join!(self.check(operator), sleep(LASTING / 2))
        };
        let (during, _) = watched(witnesses, &urls(self.asked), lasting).await;
        drop(lost);
        let ready = async || join_all(ALL.map(|it| operator.is_ready(it))).await == [true; 3];
        let healing = async { tokio::join!(until(ready), sleep(AFTERWARDS)) };
        let (afterwards, (took, ())) = watched(witnesses, &[], healing).await;
        let name = self.name;
        eprintln!("{name}; when it is over all are ready after {took:?}");
        for (shard, witness) in witnesses.iter_mut().enumerate() {
            let (during, afterwards, answers) =
                (during[shard], afterwards[shard], witness.answers().await);
            eprintln!("- shard {shard}: waits {during:?}, {afterwards:?}; {answers}");
            let longest = during.max(afterwards);
            assert!(longest < LASTING, "{name}: shard {shard} is not served for {longest:?}");
        }
    }

    /// Checks that it does happen, and that a node that sees no other one says so.
    async fn check(&self, operator: &Operator) {
        let seen = join_all(ALL.map(|it| operator.seen_by(it))).await;
        for (node, seen) in ALL.iter().zip(seen) {
            let seen = seen.expect("a node knows what it sees");
            let missed = self.lost.iter().filter(|(from, to)| from == node || to == node);
            for (from, to) in missed {
                let other = if from == node { to } else { from };
                assert!(!seen.contains(other), "{}: {node} sees {seen:?}", self.name);
            }
            let is_ready = operator.is_ready(*node).await;
            assert!(!is_ready || seen.len() > 1, "{}: {node} is alone and ready", self.name);
        }
    }
}

/// Has witnesses watch while something happens. Yields how long each had to wait, and what came of it.
async fn watched<T>(
    witnesses: &mut [Witness],
    asked: &[String],
    happening: impl Future<Output = T>,
) -> (Vec<Duration>, T) {
    let is_over = AtomicBool::new(false);
    let watching = join_all(witnesses.iter_mut().map(|it| it.watch(asked, &is_over)));
    let happening = async {
        let came = happening.await;
        is_over.store(true, Ordering::Relaxed);
        came
    };
    tokio::join!(watching, happening)
}

/// Waits until all nodes say the same.
async fn agreed(operator: &Operator) {
    let mut told = Ok(());
    for _ in 0..FINDING_MAX.as_millis() / PAUSE.as_millis() {
        told = operator.agree().await;
        if told.is_ok() {
            return;
        }
        sleep(PAUSE).await;
    }
    panic!("{told:?}");
}

/// Waits until something is so. Yields how long it took.
async fn until(is_so: impl AsyncFn() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < FINDING_MAX, "it is not so after {FINDING_MAX:?}");
        sleep(PAUSE).await;
    }
    began.elapsed()
}
