//! How worlds, seeds and mutants are written.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use probe::Mutant;

use super::replay;
use crate::case::{Case, Realm};
use crate::scenario::Scenario;
use crate::workloads::catalogue::NAMES;

/// One seed, as the command line or a file names it.
#[derive(Args, Clone, Debug)]
pub struct Chosen {
    /// Which world: executors or nodes.
    #[arg(long, value_parser = realm)]
    world: Option<Realm>,
    /// The seed.
    #[arg(long, required_unless_present = "scenario")]
    seed: Option<u64>,
    /// What it is narrowed to: a file, which may name the seed.
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// Runs this workload and no other, instead of those that the seed chooses.
    #[arg(long, value_parser = workload)]
    workload: Option<&'static str>,
    /// Breaks something on purpose.
    #[arg(long, value_parser = mutant)]
    mutant: Option<Mutant>,
}

impl Chosen {
    /// The case that is meant.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or nobody names a seed.
    pub fn case(&self) -> io::Result<Case> {
        let scenario = self.scenario.as_deref().map(Scenario::read).transpose()?;
        let mut scenario = scenario.unwrap_or_default();
        scenario.choose(self.workload);
        let seed = self.seed.or(scenario.seed);
        let seed = seed.ok_or_else(|| io::Error::other("nobody names a seed"))?;
        let realm = match self.world {
            Some(realm) => realm,
            None => replay::realm(scenario.world.as_deref())?,
        };
        let mutant = self
            .mutant
            .map_or_else(|| replay::mutant(scenario.mutant.as_deref()), |it| Ok(Some(it)))?;
        Ok(Case { scenario, mutant, ..Case::new(realm, seed) })
    }
}

/// Reads a time in seconds, as `41.2`.
///
/// # Errors
///
/// When it is none.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.trim_end_matches('s').parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Reads a range of seeds, as `0..1000`.
///
/// # Errors
///
/// When it is none.
pub fn range(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    let (from, to) = text.split_once("..").ok_or("expected a range, as 0..1000 is")?;
    Ok(number(from)?..number(to)?)
}

/// Reads the name of a world.
///
/// # Errors
///
/// When there is none of that name.
pub fn realm(text: &str) -> Result<Realm, String> {
    Realm::of(text).ok_or_else(|| "executors or nodes".to_owned())
}

/// Reads the name of a workload.
///
/// # Errors
///
/// When there is none of that name.
pub fn workload(text: &str) -> Result<&'static str, String> {
    NAMES.into_iter().find(|it| *it == text).ok_or_else(|| format!("one of {}", NAMES.join(", ")))
}

/// Reads the name of a mutant.
///
/// # Errors
///
/// When there is none of that name.
pub fn mutant(text: &str) -> Result<Mutant, String> {
    let names = || Mutant::ALL.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
    Mutant::of(text).ok_or_else(|| format!("one of {}", names()))
}
