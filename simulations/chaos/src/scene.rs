//! A cluster under load to which something happens, and the checks of what is left.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use chance::Chance;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::cluster::{Cluster, Ground, NODES, Places};
use crate::disk::Disk;
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::ledger::{Ledger, Outcome};
use crate::load::Load;
use crate::operator::Operator;
use crate::oracles::verdict::Verdict;
use crate::oracles::{away, posts, probes};
use crate::relay::Relays;
use crate::report::Happened;

/// How long the load runs alone, before something happens and when it is over.
const CALM: Duration = Duration::from_secs(4);

/// How long nodes may take to serve everything, when nothing goes wrong any more.
pub(crate) const SERVED_MAX: Duration = Duration::from_mins(1);

/// Longer than a node waits for what it gets again.
const SETTLED: Duration = Duration::from_secs(9);

/// How much longer answers may take, besides twice as long, when clients are to notice nothing: machines that
/// run this do other things as well.
const UNNOTICED: Duration = Duration::from_millis(500);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// What begins a line in a log of a part of the program that was not meant to be reached.
const PANIC: &str = "panicked at";

/// What all scenes of a run have in common.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    /// The program.
    pub(crate) roost: &'a Path,
    /// Where nodes store what they store.
    pub(crate) folder: &'a Path,
    /// What the clients run on.
    pub(crate) runtime: &'a Runtime,
    /// Says whether somebody wants it to end.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// A cluster to which something happens.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Its processes.
    pub cluster: Cluster,
    /// Somebody who is told what they do.
    pub operator: Operator,
    /// What is drawn.
    pub chance: Chance,
    /// Small disks of the nodes, by number less one: given up when the nodes have ended.
    pub(crate) disks: Vec<Disk>,
    relays: Option<Relays>,
    stage: &'a Stage<'a>,
    /// Clients at work, from when it has begun.
    load: Option<Load>,
    /// When it began.
    began: Instant,
    /// What began when, since then.
    phases: Vec<(String, Duration)>,
    notes: Vec<String>,
}

impl<'a> Stage<'a> {
    /// Has something happen to a new cluster under load.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Io`] and [`ChaosError::Stopped`]; what does not hold is a part of what happened.
    pub(crate) fn play(
        &'a self,
        fault: &Fault,
        mut chance: Chance,
    ) -> Result<Happened, ChaosError> {
        let mut happened = Happened::default();
        let mut scene = match self.open(fault, &mut chance) {
            Err(ChaosError::Broken(what)) => {
                happened.verdict.say(what);
                return Ok(happened);
            }
            opened => opened?,
        };
        let played = scene.play(fault, &mut happened);
        happened.notes.append(&mut scene.notes);
        match played {
            Err(ChaosError::Broken(what)) => happened.verdict.say(what),
            played => played?,
        }
        for node in 1..=NODES {
            let log = scene.cluster.log(node);
            for line in log.lines().filter(|it| it.contains(PANIC)) {
                happened.verdict.say(format!("node {node}: {line}"));
            }
        }
        Ok(happened)
    }

    fn open(&'a self, fault: &Fault, chance: &mut Chance) -> Result<Scene<'a>, ChaosError> {
        let places = Places::find(fault.ground)?;
        let relays = match fault.ground {
            Ground::Relays => Some(self.runtime.block_on(Relays::start(&places, chance))?),
            Ground::Loopback | Ground::Wires => None,
        };
        let at = (fault.ground, &places);
        let mut cluster = Cluster::new(self.roost, self.folder, at)?;
        for node in 1..=NODES {
            cluster.start(node)?;
        }
        let operator = Operator::new(&cluster.operator()?);
        let mut scene = Scene {
            cluster,
            operator,
            chance: chance.clone(),
            disks: Vec::new(),
            relays,
            stage: self,
            load: None,
            began: Instant::now(),
            phases: Vec::new(),
            notes: Vec::new(),
        };
        scene.served()?;
        Ok(scene)
    }
}

impl Scene<'_> {
    fn play(&mut self, fault: &Fault, happened: &mut Happened) -> Result<(), ChaosError> {
        let (urls, token) = (self.cluster.urls().to_vec(), self.cluster.operator()?);
        let client = Client::new(fault.passing);
        let start = Load::start(&urls, (&client, &token), &mut self.chance);
        let load = self.load.insert(self.stage.runtime.block_on(start)?);
        self.began = load.began();
        self.rest(CALM)?;
        let from = self.began.elapsed();
        let played = (fault.happen)(self).and_then(|()| self.served());
        let to = self.began.elapsed();
        if let Err(error) = played {
            match error {
                ChaosError::Broken(what) => happened.verdict.say(what),
                other @ (ChaosError::Io(..) | ChaosError::Stopped) => return Err(other),
            }
        }
        self.rest(CALM)?;
        let end = self.began.elapsed();
        let load = self.load.take().ok_or_else(|| ChaosError::broken("there is no load"))?;
        let ledger = self.until_stopped(load.end())??;
        ledger.save(&self.stage.folder.join("ledger.jsonl"))?;
        judge(&ledger, (from..to, Duration::ZERO..end), happened);
        if fault.unnoticed {
            check_unnoticed(happened);
        }
        self.note_phases(&ledger, to);
        self.until("copies are equal", SERVED_MAX, |scene| {
            let urls = scene.cluster.urls().to_vec();
            Ok(scene.ask(scene.operator.check_equal(&urls)))
        })
        .map(drop)
    }

    /// Waits.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Stopped`]
    pub fn rest(&self, lasting: Duration) -> Result<(), ChaosError> {
        self.until_stopped(async { sleep(lasting).await })
    }

    /// Does something, unless somebody wants it to end.
    fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, ChaosError> {
        let mut stopped = self.stage.stopped.clone();
        self.stage.runtime.block_on(async {
            tokio::select! {
                done = work => Ok(done),
                // Whoever could say so is gone: that says as much.
                _ = stopped.wait_for(|it| *it) => Err(ChaosError::Stopped),
            }
        })
    }

    /// Asks.
    pub fn ask<T>(&self, question: impl Future<Output = T>) -> T {
        self.stage.runtime.block_on(question)
    }

    /// Clients write to some of the nodes only from now on. They ask all of them.
    pub fn write_to(&self, nodes: &[usize]) {
        if let Some(load) = &self.load {
            load.write_to(nodes.iter().map(|it| self.cluster.url(*it).to_owned()).collect());
        }
    }

    /// Says something that was seen.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Something begins: what clients notice of it is noted apart from what begins later.
    pub fn phase(&mut self, name: impl Into<String>) {
        self.phases.push((name.into(), self.began.elapsed()));
    }

    fn note_phases(&mut self, ledger: &Ledger, end: Duration) {
        let ends = self.phases.iter().skip(1).map(|(_, at)| *at).chain([end]);
        let notes = self.phases.iter().zip(ends).map(|((name, start), end)| {
            let within = *start..end;
            let away = away::longest(&ledger.operations, &within).as_secs_f64();
            let p99 = away::p99(ledger, &within).map_or(0, |it| it.as_millis());
            format!("{name}: away {away:.2} s, p99 {p99} ms")
        });
        self.notes.extend(notes.collect::<Vec<_>>());
    }

    /// What the nodes send each other goes through these.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn relays(&self) -> Result<&Relays, ChaosError> {
        self.relays.as_ref().ok_or_else(|| ChaosError::broken("there are no relays"))
    }

    /// Looks until something is so, and yields how long it took.
    ///
    /// # Errors
    ///
    /// When it is not so in time, with what was missing last; and [`ChaosError::Stopped`].
    pub fn until(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut(&mut Self) -> Result<Result<(), String>, ChaosError>,
    ) -> Result<Duration, ChaosError> {
        let began = Instant::now();
        loop {
            let Err(missing) = look(self)? else { return Ok(began.elapsed()) };
            if began.elapsed() > limit {
                let what = format!("{what}: not so after {limit:?}: {missing}");
                return Err(ChaosError::Broken(what));
            }
            self.rest(LOOK)?;
        }
    }

    /// Waits until all nodes serve everything, and yields how long it took.
    ///
    /// # Errors
    ///
    /// When they do not.
    pub fn served(&mut self) -> Result<Duration, ChaosError> {
        let urls = self.cluster.urls().to_vec();
        self.until("all serve", SERVED_MAX, |scene| {
            Ok(scene.ask(scene.operator.check_served(&urls)))
        })
    }

    /// Who leads the shards, as some of the nodes know it.
    ///
    /// # Errors
    ///
    /// When none of them says so.
    pub fn leaders(&mut self) -> Result<Vec<usize>, ChaosError> {
        let (urls, mut found) = (self.cluster.urls().to_vec(), Vec::new());
        self.until("somebody knows who leads", SERVED_MAX, |scene| {
            let mut last = String::new();
            for url in &urls {
                match scene.ask(scene.operator.leaders(url)) {
                    Ok(leaders) if leaders.iter().all(Option::is_some) => {
                        found = leaders.into_iter().flatten().collect();
                        return Ok(Ok(()));
                    }
                    told => last = format!("{told:?}"),
                }
            }
            Ok(Err(last))
        })?;
        Ok(found)
    }

    /// The node that leads most shards.
    ///
    /// # Errors
    ///
    /// As [`Scene::leaders`].
    pub fn busiest(&mut self) -> Result<usize, ChaosError> {
        let leaders = self.leaders()?;
        let led = |node: &usize| leaders.iter().filter(|it| *it == node).count();
        Ok((1..=NODES).max_by_key(led).unwrap_or(1))
    }

    /// The sum of the terms of all shards: how many elections there have been.
    ///
    /// # Errors
    ///
    /// When nobody knows.
    pub fn terms(&mut self) -> Result<u64, ChaosError> {
        let (url, mut sum) = (self.cluster.url(1).to_owned(), 0);
        self.until("somebody knows the terms", SERVED_MAX, |scene| {
            let terms = scene.ask(scene.operator.terms(&url));
            Ok(terms.map(|it| sum = it.iter().sum()))
        })?;
        Ok(sum)
    }

    /// Waits until nobody has taken over a shard for a while: nodes that are back get theirs again.
    ///
    /// # Errors
    ///
    /// When that goes on.
    pub fn settled(&mut self) -> Result<(), ChaosError> {
        let (mut last, mut since) = (self.terms()?, Instant::now());
        let settled = self.until("leaders stay", SERVED_MAX, |scene| {
            let terms = scene.terms()?;
            if terms != last {
                (last, since) = (terms, Instant::now());
            }
            Ok(if since.elapsed() > SETTLED { Ok(()) } else { Err(format!("terms {terms}")) })
        });
        settled.map(drop)
    }

    /// Any node.
    pub fn anybody(&mut self) -> usize {
        self.chance.index(NODES) + 1
    }

    /// All nodes but one.
    pub fn others(node: usize) -> Vec<usize> {
        (1..=NODES).filter(|it| *it != node).collect()
    }
}

/// Checks that answers took no longer than before.
fn check_unnoticed(happened: &mut Happened) {
    let (before, during) = happened.p99;
    if let (Some(before), Some(during)) = (before, during)
        && during > 2 * before + UNNOTICED
    {
        let sentence = format!("clients wait for {during:?}, and did for {before:?} before it");
        happened.verdict.say(sentence);
    }
}

/// Judges all that clients were told.
fn judge(
    ledger: &Ledger,
    (fault, load): (Range<Duration>, Range<Duration>),
    happened: &mut Happened,
) {
    let mut numbers: Vec<_> = ledger.operations.iter().map(|it| it.probe).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut verdict = Verdict::default();
    for probe in numbers {
        let own = ledger.operations.iter().filter(|it| it.probe == probe);
        verdict += probes::judge(&own.collect::<Vec<_>>());
    }
    for operation in &ledger.operations {
        match &operation.outcome {
            Outcome::Done { .. } => {}
            Outcome::Refused(code) => verdict.say(format!("refused with {code}: {operation:?}")),
            Outcome::Unknown => verdict.say(format!("never answered: {operation:?}")),
        }
    }
    for wall in &ledger.walls {
        verdict += posts::judge(wall);
    }
    happened.verdict += verdict;
    happened.away = away::longest(&ledger.operations, &load);
    let before = away::p99(ledger, &(Duration::ZERO..fault.start));
    happened.p99 = (before, away::p99(ledger, &fault));
    happened.missed.clone_from(&ledger.missed);
}
