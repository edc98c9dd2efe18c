//! The seeds that found each mutant last, in a file: looking at them again takes a minute, a hunt an hour.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::{fs, io};

/// Where they are kept.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/mutants.toml");

/// What stands above them.
const HEAD: &str = "\
# Seeds that find what is broken on purpose. `cargo sim mutants` looks at these;
# `cargo sim mutants --hunt --keep` hunts afresh and rewrites the file.
";

/// The seed of each mutant, by its name.
pub type Seeds = BTreeMap<String, u64>;

/// Reads the file.
///
/// # Errors
///
/// When it cannot be read.
pub fn read() -> io::Result<Seeds> {
    let text = fs::read_to_string(PATH)?;
    toml::from_str(&text).map_err(io::Error::other)
}

/// Writes the file.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(seeds: &Seeds) -> io::Result<()> {
    let mut text = HEAD.to_owned();
    for (name, seed) in seeds {
        writeln!(text, "{name} = {seed}").map_err(io::Error::other)?;
    }
    fs::write(PATH, text)
}
