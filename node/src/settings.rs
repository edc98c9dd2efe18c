//! Numbers of the services, as an operator sets them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use actors::posts::api::PullAboveFollowers;
use entity::Setting;
use entity::setting::Settings;

type Set = fn(&mut Settings, u64) -> Result<(), RangeInclusive<u64>>;

/// Every setting of the services.
const KNOWN: [(&str, Set); 1] =
    [(PullAboveFollowers::NAME, |to, value| to.set::<PullAboveFollowers>(value))];

/// Why a setting is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SettingError {
    /// No service has it.
    Unknown {
        /// What it is called.
        name: String,
    },
    /// The value is not in its range.
    Range {
        /// Which setting.
        name: String,
        /// The value found.
        value: u64,
        /// Which values it may have.
        allowed: RangeInclusive<u64>,
    },
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                let known = KNOWN.map(|it| it.0).join(", ");
                write!(f, "settings: no service has a setting {name}; there are: {known}")
            }
            Self::Range { name, value, allowed } => {
                let (min, max) = (allowed.start(), allowed.end());
                write!(f, "settings: {name} is {value}; expected a number from {min} to {max}")
            }
        }
    }
}

impl std::error::Error for SettingError {}

/// Applies what the configuration says.
///
/// # Errors
///
/// [`SettingError`]
pub fn apply(wanted: &BTreeMap<String, u64>, settings: &mut Settings) -> Result<(), SettingError> {
    for (name, value) in wanted {
        let known = KNOWN.iter().find(|it| it.0 == name);
        let (_, set) = known.ok_or_else(|| SettingError::Unknown { name: name.clone() })?;
        let range = |allowed| SettingError::Range { name: name.clone(), value: *value, allowed };
        set(settings, *value).map_err(range)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        let mut settings = Settings::default();
        let mut apply = |name: &str, value| {
            apply(&BTreeMap::from([(name.to_owned(), value)]), &mut settings)
                .map_err(|error| error.to_string())
        };
        assert_eq!(apply("posts.pull_above_followers", 300), Ok(()));
        let error = apply("posts.pull_above_followers", 1).expect_err("too small");
        assert!(error.ends_with("expected a number from 256 to 10000000"), "{error}");
        let error = apply("posts.push", 1).expect_err("unknown");
        assert!(error.contains("there are: posts.pull_above_followers"), "{error}");
        assert_eq!(settings.get::<PullAboveFollowers>(), 300);
    }
}
