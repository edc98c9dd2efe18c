//! One seed again.

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use clap::Args;
use probe::Mutant;
use tracing_subscriber::EnvFilter;

use super::arguments::{self, Chosen};
use crate::case::{Look, Realm};

/// Runs one seed again, and shows as much of it as is wanted.
#[derive(Args, Clone, Debug)]
pub struct Replay {
    #[command(flatten)]
    chosen: Chosen,
    /// Three nodes, four shards, a minute of calls: for figures.
    #[arg(long)]
    usual: bool,
    /// So many nodes instead.
    #[arg(long, requires = "usual", value_parser = clap::value_parser!(u32).range(1..=7))]
    nodes: Option<u32>,
    /// Prints everything that happens.
    #[arg(long)]
    trace: bool,
    /// Ends at this moment of the world, in seconds.
    #[arg(long, value_parser = arguments::seconds)]
    until: Option<Duration>,
    /// Draws nodes, leaders, faults and operations, as a page in this file.
    #[arg(long)]
    visual: Option<PathBuf>,
    /// Prints what the program logs, as in `runtime=debug` or `info`.
    #[arg(long)]
    log: Option<EnvFilter>,
}

impl Replay {
    /// Does it, and yields whether nothing was wrong.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written.
    #[expect(clippy::print_stdout, reason = "its output is what it is run for")]
    pub fn run(self) -> io::Result<bool> {
        let mut case = self.chosen.case()?;
        case.is_usual = self.usual;
        case.scenario.nodes = self.nodes.or(case.scenario.nodes);
        if let Some(filter) = self.log {
            let logs = tracing_subscriber::fmt().with_env_filter(filter);
            logs.without_time().with_ansi(false).init();
        }
        let (is_printed, is_drawn) = (self.trace, self.visual.is_some());
        let ran = case.look(Look { is_printed, until: self.until, is_drawn });
        println!("{}", ran.line);
        if let Some(path) = self.visual {
            fs::write(path, ran.timeline.page(&ran.line, ran.finding.as_ref()))?;
        }
        Ok(ran.finding.is_none())
    }
}

/// The world that a file or the command line names.
pub(super) fn realm(name: Option<&str>) -> io::Result<Realm> {
    let named = name.map_or(Some(Realm::Nodes), Realm::of);
    named.ok_or_else(|| io::Error::other("there is no such world"))
}

/// The mutant that a file names.
pub(super) fn mutant(name: Option<&str>) -> io::Result<Option<Mutant>> {
    let unknown = || io::Error::other("there is no such mutant");
    name.map(|it| Mutant::of(it).ok_or_else(unknown)).transpose()
}
