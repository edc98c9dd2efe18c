//! The hunt for one mutant.

use std::fmt;
use std::ops::Range;

use super::list::Game;
use crate::case::Case;
use crate::finding::Finding;
use crate::scenario::Scenario;

/// How long things go wrong that lead to a mutant, in milliseconds.
const LASTING: u64 = 60_000;

/// How a hunt ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hunted {
    /// A seed found it.
    Killed {
        /// Which.
        seed: u64,
        /// After how many seeds.
        seeds: u64,
        /// What was noticed.
        finding: Finding,
    },
    /// Somebody else noticed something, or something is wrong without the mutant too.
    Confused {
        /// In which seed.
        seed: u64,
        /// What.
        finding: Finding,
    },
    /// Nobody noticed anything.
    Survived {
        /// In so many seeds.
        seeds: u64,
    },
}

impl Game {
    /// Runs one seed: what was noticed, if anything was.
    pub fn run(&self, seed: u64) -> Option<Finding> {
        self.case(seed).run().finding
    }

    /// One seed, broken.
    pub fn case(&self, seed: u64) -> Case {
        Case { mutant: Some(self.mutant), ..self.sound(seed) }
    }

    /// The same seed with nothing broken.
    fn sound(&self, seed: u64) -> Case {
        let faults = self.faults.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
        let lasting = self.faults.map(|_| LASTING);
        let scenario = Scenario { lasting, faults, ..Scenario::default() };
        Case { scenario, ..Case::new(self.realm, seed) }
    }

    fn is_due(&self, finding: &Finding) -> bool {
        self.oracles.contains(&finding.oracle.name())
    }

    /// Runs seeds until one finds it. Those in which somebody else notices something come to nothing.
    pub fn hunt(&self, seeds: Range<u64>) -> Hunted {
        let (mut count, mut other) = (0, None);
        for seed in seeds {
            count += 1;
            let Some(finding) = self.run(seed) else { continue };
            if !self.is_due(&finding) {
                other.get_or_insert(Hunted::Confused { seed, finding });
                continue;
            }
            // What is wrong anyway is no proof.
            return match self.sound(seed).run().finding {
                Some(finding) => Hunted::Confused { seed, finding },
                None => Hunted::Killed { seed, seeds: count, finding },
            };
        }
        other.unwrap_or(Hunted::Survived { seeds: count })
    }

    /// Looks at the seed that found it last; if it does not any more, hunts afresh.
    pub fn check(&self, known: Option<u64>) -> Hunted {
        let again = known.map(|seed| self.hunt(seed..seed + 1));
        match again {
            Some(killed @ Hunted::Killed { .. }) => killed,
            Some(Hunted::Confused { .. } | Hunted::Survived { .. }) | None => {
                self.hunt(0..self.budget)
            }
        }
    }
}

impl Hunted {
    /// Whether it was found as it should be.
    pub fn is_killed(&self) -> bool {
        matches!(self, Self::Killed { .. })
    }
}

impl fmt::Display for Hunted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Characters of a finding that are shown.
        const SHOWN: usize = 100;
        let short = |it: &Finding| it.to_string().chars().take(SHOWN).collect::<String>();
        match self {
            Self::Killed { seed, seeds, finding } => {
                write!(f, "killed at seed {seed:<8} after {seeds:<4} {}", short(finding))
            }
            Self::Confused { seed, finding } => {
                write!(f, "CONFUSED at seed {seed}: {}", short(finding))
            }
            Self::Survived { seeds } => write!(f, "SURVIVED {seeds} seeds"),
        }
    }
}
