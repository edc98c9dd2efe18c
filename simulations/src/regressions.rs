//! Seeds that once found a defect.

use std::{fs, io};

use serde::Deserialize;

use crate::scenario::Scenario;

/// Where they are kept.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/regressions.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    regression: Vec<Scenario>,
}

/// All of them: each names its world and its seed, says what it found, and may be narrowed.
///
/// # Errors
///
/// When the file cannot be read.
pub fn read() -> io::Result<Vec<Scenario>> {
    let text = fs::read_to_string(PATH)?;
    let file: File = toml::from_str(&text).map_err(io::Error::other)?;
    Ok(file.regression)
}
