//! Numbers that an operator may change.

use std::collections::BTreeMap;

/// A number that an operator may change, and that a handler may read.
///
/// What a handler did with it is replicated as an effect, so two nodes may disagree about a setting
/// for a while without harm.
pub trait Setting {
    /// Its name in the configuration, `service.name`.
    const NAME: &'static str;
    /// What it is when nobody changes it.
    const DEFAULT: u64;
    /// Smallest allowed value.
    const MIN: u64;
    /// Largest allowed value.
    const MAX: u64;
}

/// The values that differ from their defaults, by [`Setting::NAME`].
#[derive(Clone, Debug, Default)]
pub struct Settings {
    changed: BTreeMap<&'static str, u64>,
}

impl Settings {
    /// Reads a setting.
    pub fn get<S: Setting>(&self) -> u64 {
        self.changed.get(S::NAME).copied().unwrap_or(S::DEFAULT)
    }

    /// Changes a setting.
    ///
    /// # Errors
    ///
    /// The allowed range, when `value` is not in it.
    pub fn set<S: Setting>(&mut self, value: u64) -> Result<(), std::ops::RangeInclusive<u64>> {
        let allowed = S::MIN..=S::MAX;
        if !allowed.contains(&value) {
            return Err(allowed);
        }
        self.changed.insert(S::NAME, value);
        Ok(())
    }
}
