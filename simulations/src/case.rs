//! One seed in one of the worlds, and what is different about it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use probe::{Mutant, Seen};

use crate::finding::Finding;
use crate::scenario::Scenario;
use crate::timeline::Timeline;
use crate::{nodes, world};

/// A kind of world.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Realm {
    /// Executors over ledgers in memory: all faults of a ledger, dozens of seeds a second.
    Executors,
    /// Whole nodes: Raft, log, executors, over simulated disks, clocks and network.
    Nodes,
}

/// One seed in one of the worlds, and what is different about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Case {
    /// Which world.
    pub realm: Realm,
    /// All that happens follows from it.
    pub seed: u64,
    /// What it is narrowed to.
    pub scenario: Scenario,
    /// What is broken on purpose.
    pub mutant: Option<Mutant>,
    /// Three nodes, four shards, a minute of calls: for figures.
    pub is_usual: bool,
}

/// How a case is looked at. Whatever is seen of it, what happens is the same.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Look {
    /// Everything that happens is printed.
    pub is_printed: bool,
    /// It ends at this moment, if it has not before.
    pub until: Option<Duration>,
    /// What happens when is kept, to be drawn.
    pub is_drawn: bool,
}

/// What came of a case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ran {
    /// All of it, in a line.
    pub line: String,
    /// How many faults of each class came up.
    pub events: BTreeMap<&'static str, u64>,
    /// How much of what happened.
    pub sums: Vec<(&'static str, u64)>,
    /// What was seen of the program.
    pub seen: Seen,
    /// What happened when, if that was kept.
    pub timeline: Timeline,
    /// The first thing that was wrong.
    pub finding: Option<Finding>,
}

impl Realm {
    /// Every kind of world.
    pub const ALL: [Self; 2] = [Self::Executors, Self::Nodes];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Executors => "executors",
            Self::Nodes => "nodes",
        }
    }

    /// The one of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

impl Case {
    /// A seed as it is.
    pub fn new(realm: Realm, seed: u64) -> Self {
        Self { realm, seed, scenario: Scenario::default(), mutant: None, is_usual: false }
    }

    /// Runs it to its end.
    pub fn run(&self) -> Ran {
        self.look(Look::default())
    }

    /// Runs it to its end, and looks at it.
    pub fn look(&self, look: Look) -> Ran {
        match self.realm {
            Realm::Executors => {
                let report = world::run::run(self.of_executors(), look);
                Ran {
                    line: self.line(&report),
                    sums: report.sums(),
                    events: report.events,
                    seen: report.seen,
                    timeline: report.timeline,
                    finding: report.violation,
                }
            }
            Realm::Nodes => {
                let report = nodes::run::run(self.of_nodes(), look);
                Ran {
                    line: self.line(&report),
                    sums: report.sums(),
                    events: report.events,
                    seen: report.seen,
                    timeline: report.timeline,
                    finding: report.violation,
                }
            }
        }
    }

    /// The same, with all that the seed says of workloads, faults, points and knobs written out.
    #[must_use]
    pub fn explicit(&self) -> Self {
        let scenario = match self.realm {
            Realm::Executors => self.of_executors().explicit(),
            Realm::Nodes => self.of_nodes().explicit(),
        };
        Self { scenario, ..self.clone() }
    }

    /// The line that repeats it. One that is narrowed is kept in a file of that folder.
    ///
    /// # Panics
    ///
    /// When the file cannot be written: this is for tests.
    pub fn repeat(&self, folder: &str) -> String {
        if self.scenario == Scenario::default() {
            return format!("{self} --trace");
        }
        let name = format!("{}-{}.toml", self.realm.name(), self.seed);
        let path = Path::new(folder).join(name);
        self.to_scenario().write(&path).expect("tests have a folder to write to");
        format!("cargo sim replay --scenario {} --trace", path.display())
    }

    fn of_executors(&self) -> world::plan::Plan {
        let mut plan = world::plan::Plan::of(self.seed, &self.scenario);
        plan.setting.mutant = self.mutant;
        plan
    }

    fn of_nodes(&self) -> nodes::plan::Plan {
        let of = if self.is_usual { nodes::plan::Plan::usual } else { nodes::plan::Plan::of };
        let mut plan = of(self.seed, &self.scenario);
        plan.setting.mutant = self.mutant;
        plan
    }

    fn line(&self, report: &impl fmt::Display) -> String {
        format!("{} {report}", self.realm.name())
    }

    /// The scenario that says all of it, for a file.
    pub fn to_scenario(&self) -> Scenario {
        Scenario {
            world: Some(self.realm.name().to_owned()),
            seed: Some(self.seed),
            mutant: self.mutant.map(|it| it.name().to_owned()),
            ..self.scenario.clone()
        }
    }
}

/// The command that repeats it, unless it is narrowed: then a file does.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { realm, seed, mutant, is_usual, .. } = self;
        write!(f, "cargo sim replay --world {} --seed {seed}", realm.name())?;
        if let Some(mutant) = mutant {
            write!(f, " --mutant {}", mutant.name())?;
        }
        if *is_usual { write!(f, " --usual") } else { Ok(()) }
    }
}
