//! A failure with less and less of everything.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::arguments::Chosen;
use crate::shrink::Shrinking;

/// Takes faults, workloads, clients and operations away from a failing seed while the same oracle fails.
#[derive(Args, Clone, Debug)]
pub struct Shrink {
    #[command(flatten)]
    chosen: Chosen,
    /// Ends after so many seconds.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Where the scenario that is left goes.
    #[arg(long, default_value = "target/sim/shrunk.toml")]
    to: PathBuf,
}

impl Shrink {
    /// Does it, and yields whether there was a failure.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written.
    #[expect(clippy::print_stdout, reason = "its output is what it is run for")]
    pub fn run(&self) -> io::Result<bool> {
        let case = self.chosen.case()?;
        let Some(mut shrinking) = Shrinking::of(&case, Duration::from_secs(self.seconds)) else {
            println!("nothing is wrong with {case}");
            return Ok(false);
        };
        let small = shrinking.shrink().clone();
        small.to_scenario().write(&self.to)?;
        println!("{}", small.run().line);
        println!("{} after {} runs", shrinking.oracle().name(), shrinking.runs);
        println!("  repeat: cargo sim replay --scenario {} --trace", self.to.display());
        Ok(true)
    }
}
