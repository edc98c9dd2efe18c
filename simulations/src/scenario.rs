//! What a seed is narrowed to: which workloads, which faults, how much of each.
//!
//! A scenario in a file composes workloads and faults; one that a failure was shrunk to has few of both. What
//! is left out never shifts what stays: each fault and each purpose draws from a stream of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// What a seed is narrowed to. What is not named is as the seed says.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// What it is about, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// The world: executors or nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub world: Option<String>,
    /// The seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What is broken on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutant: Option<String>,
    /// How many nodes there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<u32>,
    /// How many shards there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<u32>,
    /// How long things go wrong, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasting: Option<u64>,
    /// The workloads that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workloads: Option<BTreeSet<String>>,
    /// Clients of each workload, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<usize>,
    /// Operations of each workload while things go wrong, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<u64>,
    /// The classes of faults that happen, as strong as the seed says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<BTreeSet<String>>,
    /// The points of the program that fire, of those that the seed names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<BTreeSet<String>>,
    /// The knobs that are moved, of those that the seed names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knobs: Option<BTreeSet<String>>,
    /// Of a class of faults only these, counted from 1.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, BTreeSet<u64>>,
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or says what nobody understands.
    pub fn read(path: &Path) -> io::Result<Self> {
        let told = |error: &dyn std::fmt::Display| {
            io::Error::other(format!("{}: {error}", path.display()))
        };
        let text = fs::read_to_string(path).map_err(|error| told(&error))?;
        toml::from_str(&text).map_err(|error| told(&error))
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)
    }

    /// One workload and no other, if one is named.
    pub fn choose(&mut self, workload: Option<&'static str>) {
        if let Some(name) = workload {
            self.workloads = Some(BTreeSet::from([name.to_owned()]));
        }
    }

    /// Whether a class of faults happens, if the seed says `usual`.
    pub fn has(&self, class: &str, usual: bool) -> bool {
        self.faults.as_ref().map_or(usual, |it| it.contains(class))
    }

    /// Whether a fault of a class happens, counted from 1.
    pub fn happens(&self, class: &str, number: u64) -> bool {
        self.events.get(class).is_none_or(|it| it.contains(&number))
    }

    /// Of the workloads of a seed, or of all there are, those that run: in the order of all, so that a seed
    /// that is narrowed to what it says is the same world.
    pub fn workloads(&self, all: &[&'static str], of_seed: &[&'static str]) -> Vec<&'static str> {
        let runs = |it: &&&'static str| {
            self.workloads.as_ref().map_or(of_seed.contains(it), |named| named.contains(**it))
        };
        all.iter().filter(runs).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_comes_back_and_what_is_misspelt_does_not() {
        let scenario = Scenario {
            seed: Some(7),
            faults: Some(BTreeSet::from(["kill".to_owned()])),
            events: BTreeMap::from([("kill".to_owned(), BTreeSet::from([1, 4]))]),
            ..Scenario::default()
        };
        let text = toml::to_string(&scenario).unwrap();
        assert_eq!(text, "seed = 7\nfaults = [\"kill\"]\n\n[events]\nkill = [1, 4]\n");
        assert_eq!(toml::from_str(&text), Ok(scenario.clone()));
        assert!(toml::from_str::<Scenario>("fault = []").is_err());
        assert!(scenario.has("kill", false) && !scenario.has("cut", true));
        assert!(scenario.happens("kill", 4) && !scenario.happens("kill", 2));
        assert!(Scenario::default().has("cut", true) && Scenario::default().happens("cut", 9));
    }
}
