//! That what is broken on purpose is found.

use std::io;

use clap::Args;
use probe::Mutant;

use super::{arguments, jobs};
use crate::mutants::hunt::Hunted;
use crate::mutants::kept::{self, Seeds};
use crate::mutants::list::{GAMES, Game, game};

/// Where the scenario goes of a seed in which the wrong one notices.
const FOUND: &str = "target/sim";

/// Breaks promises on purpose, one after the other, and sees whether somebody notices.
#[derive(Args, Clone, Debug)]
pub struct Mutants {
    /// Only these.
    #[arg(long, value_parser = arguments::mutant, value_delimiter = ',')]
    only: Vec<Mutant>,
    /// Processes that share them.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Hunts afresh instead of looking at the seeds that are known.
    #[arg(long)]
    hunt: bool,
    /// The first seed of a hunt.
    #[arg(long, default_value_t = 0, requires = "hunt")]
    from: u64,
    /// Keeps the seeds that were found.
    #[arg(long)]
    keep: bool,
}

impl Mutants {
    /// Does it, and yields whether none survived.
    ///
    /// # Errors
    ///
    /// When the file with the known seeds cannot be used, or a process cannot be started.
    #[expect(clippy::print_stdout, reason = "its output is what it is run for")]
    pub fn run(&self) -> io::Result<bool> {
        let is_meant = |it: &&Game| self.only.is_empty() || self.only.contains(&it.mutant);
        let games: Vec<_> = GAMES.iter().filter(is_meant).map(|it| it.mutant).collect();
        let mut seeds = kept::read()?;
        let killed = if self.jobs > 1 {
            let ran = jobs::run(self.shares(&games))?;
            let lines = ran.iter().flat_map(|(text, _)| text.lines());
            let rows: Vec<_> = lines.filter(|it| !it.starts_with("killed ")).collect();
            for row in &rows {
                println!("{row}");
            }
            rows.iter()
                .filter_map(|it| row_of(it))
                .map(|(name, seed)| seeds.insert(name, seed))
                .count()
        } else {
            games.iter().filter_map(|it| game(*it)).filter(|it| self.one(it, &mut seeds)).count()
        };
        println!("killed {killed}/{}", games.len());
        if self.keep {
            kept::write(&seeds)?;
        }
        Ok(killed == games.len())
    }

    #[expect(clippy::print_stdout, reason = "its output is what it is run for")]
    fn one(&self, game: &Game, seeds: &mut Seeds) -> bool {
        let name = game.mutant.name();
        let hunted = if self.hunt {
            game.hunt(self.from..self.from + game.budget)
        } else {
            game.check(seeds.get(name).copied())
        };
        println!("{name:<26} {:<9} of {:<4} {hunted}", game.realm.name(), game.budget);
        match hunted {
            Hunted::Killed { seed, .. } => {
                seeds.insert(name.to_owned(), seed);
            }
            Hunted::Confused { seed, .. } => {
                println!("  repeat: {}", game.case(seed).repeat(FOUND));
            }
            Hunted::Survived { .. } => {}
        }
        hunted.is_killed()
    }

    fn shares(&self, games: &[Mutant]) -> Vec<Vec<String>> {
        let shares = jobs::shared(games.iter().map(|it| it.name()), self.jobs);
        let how = if self.hunt {
            vec!["--hunt".to_owned(), "--from".to_owned(), self.from.to_string()]
        } else {
            Vec::new()
        };
        let one = |names: Vec<&str>| {
            let line = ["mutants".to_owned(), "--only".to_owned(), names.join(",")];
            line.into_iter().chain(how.clone()).collect()
        };
        shares.into_iter().map(one).collect()
    }
}

/// The mutant and the seed of a row that says that it was killed.
fn row_of(row: &str) -> Option<(String, u64)> {
    let (before, after) = row.split_once(" killed at seed ")?;
    let seed = after.split_whitespace().next()?.parse().ok()?;
    Some((before.split_whitespace().next()?.to_owned(), seed))
}
