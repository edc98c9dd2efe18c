//! Seeds that once found a defect.

use std::{fs, io};

use serde::Deserialize;

use crate::case::{Case, Realm};

/// Where they are kept.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/regressions.toml");

/// A seed that once found a defect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// The world.
    pub world: String,
    /// The seed.
    pub seed: u64,
    /// What it found.
    pub what: String,
}

#[derive(Deserialize)]
struct File {
    regression: Vec<Regression>,
}

/// All of them.
///
/// # Errors
///
/// When the file cannot be read.
pub fn read() -> io::Result<Vec<Regression>> {
    let text = fs::read_to_string(PATH)?;
    let file: File = toml::from_str(&text).map_err(io::Error::other)?;
    Ok(file.regression)
}

impl Regression {
    /// The case that it was; none if there is no such world.
    pub fn case(&self) -> Option<Case> {
        Realm::of(&self.world).map(|realm| Case::new(realm, self.seed))
    }
}
