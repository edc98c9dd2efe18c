//! Runs simulated clusters: `sim run --minutes 10 --jobs 2`, `sim replay --seed 7 --trace`.

use std::io;
use std::panic::set_hook;
use std::process::ExitCode;

use clap::Parser;
use simulations::commands::{mutants, replay, run, shrink};

/// Runs simulated clusters, each from one seed.
#[derive(Parser)]
enum Sim {
    Run(run::Run),
    Replay(Box<replay::Replay>),
    Shrink(shrink::Shrink),
    Mutants(mutants::Mutants),
}

fn main() -> io::Result<ExitCode> {
    // Handlers that panic are caught, and so is a world that does: its report says why.
    set_hook(Box::new(|_| {}));
    let is_clean = match Sim::parse() {
        Sim::Run(run) => run.run()?,
        Sim::Replay(replay) => replay.run()?,
        Sim::Shrink(shrink) => shrink.run()?,
        Sim::Mutants(mutants) => mutants.run()?,
    };
    Ok(ExitCode::from(u8::from(!is_clean)))
}
