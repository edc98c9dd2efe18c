//! Reads the command line and does what it says.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use node::cli::Cli;

// Cargo builds what several of its packages need once for all of them: with the simulations, the program
// could be moved by a simulation. It is for tests then, and must not ship.
const _: () = assert!(
    !probe::IS_SIMULATED || cfg!(debug_assertions),
    "a release of roost is built without the simulations: cargo build --release -p node"
);

/// Commands live in many small pieces of memory; this one hands them out quicker.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("roost: {error}");
            ExitCode::FAILURE
        }
    }
}
