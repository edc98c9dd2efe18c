//! What can be measured.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use super::executor::{self, Load};
use super::figure::Figure;

/// Measures what this machine can do.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
    /// Prints one line of JSON per figure instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  roost bench executor
  roost bench executor --commands 1000000 --entities 100 --json";

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// One shard on one core with a ledger in memory: small commands, and memory of idle entities.
    Executor {
        /// Commands that are measured.
        #[arg(long, value_name = "NUMBER", default_value_t = Load::default().commands)]
        commands: u64,
        /// Entities that they go to, one after the other.
        #[arg(long, value_name = "NUMBER", default_value_t = Load::default().entities,
            value_parser = clap::value_parser!(u64).range(1..))]
        entities: u64,
        /// Commands that wait at any time, 1 to 8192.
        #[arg(long, value_name = "NUMBER", default_value_t = Load::default().in_flight,
            value_parser = clap::value_parser!(u16).range(1..=8192))]
        in_flight: u16,
        /// Idle entities whose memory is measured; 0 measures none.
        #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
        idle: u64,
    },
}

impl Bench {
    /// Measures, and prints figures as they come.
    ///
    /// # Errors
    ///
    /// When nothing can be printed.
    pub fn run(self) -> io::Result<()> {
        let What::Executor { commands, entities, in_flight, idle } = self.what;
        let load = Load { commands, entities, in_flight, ..Load::default() };
        self.print(&executor::run(load))?;
        if idle > 0 {
            self.print(&executor::idle(idle))?;
        }
        Ok(())
    }

    fn print(&self, figures: &[Figure]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for figure in figures {
            if self.json {
                serde_json::to_writer(&mut out, figure)?;
                writeln!(out)?;
            } else {
                writeln!(out, "{figure}")?;
            }
        }
        Ok(())
    }
}
