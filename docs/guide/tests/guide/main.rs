//! The guide is followed: what it shows is what is compiled here, and does what it says.
//!
//! - `text`: the code of the guide is that of the files
//! - `golden`: transcripts, as `cargo golden` has them
//! - `wire`: stored bytes, as those of all services
//! - `simulated`: the workload of the guide
//! - `workloads`: the workload itself, as it would be in `simulations`

// The files of the guide name things as they would in the places that they are for.
extern crate guide as actors;

mod golden;
mod simulated;
mod text;
mod wire;
pub mod workloads;

use simulations::{chance, finding, world};

/// The folder of this crate.
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
