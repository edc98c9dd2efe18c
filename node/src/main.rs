//! Reads the command line and does what it says.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use node::cli::Cli;

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
