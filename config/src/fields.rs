//! How each setting is called and which values it may have.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::Config;

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in the file. In the environment it is in capitals behind [`PREFIX`].
    pub name: &'static str,
    set: fn(&mut Config, &str) -> Result<(), String>,
}

/// How the environment variables of roost begin.
pub const PREFIX: &str = "ROOST_";

/// Most shards: what the largest clusters are meant to have.
pub const SHARDS_MAX: u32 = 256;

/// Fewest and most bytes of a request body. A command is at most 64,000 bytes as it is stored; JSON
/// may escape each of them.
const BODY_BYTES: RangeInclusive<usize> = 1024..=1024 * 1024;

/// Fewest and most seconds of a timeout.
const TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=300;

/// Every setting but those of the services, in the order of [`Config`].
pub const FIELDS: [Field; 9] = [
    Field { name: "listen", set: |config, text| set(&mut config.listen, text, LISTEN) },
    Field { name: "log", set: |config, text| set(&mut config.log, text, "text") },
    Field { name: "shards", set: |config, text| number(&mut config.shards, text, 1..=SHARDS_MAX) },
    Field {
        name: "body_bytes_max",
        set: |config, text| number(&mut config.body_bytes_max, text, BODY_BYTES),
    },
    Field {
        name: "request_timeout_seconds",
        set: |config, text| seconds(&mut config.request_timeout, text),
    },
    Field {
        name: "header_timeout_seconds",
        set: |config, text| seconds(&mut config.header_timeout, text),
    },
    Field {
        name: "connections_max",
        set: |config, text| number(&mut config.connections_max, text, 1..=1_000_000),
    },
    Field {
        name: "argon2_memory_kib",
        set: |config, text| number(&mut config.argon2_memory_kib, text, 8..=1_048_576),
    },
    Field {
        name: "argon2_iterations",
        set: |config, text| number(&mut config.argon2_iterations, text, 1..=100),
    },
];

const LISTEN: &str = "an address such as 127.0.0.1:8080";

impl Field {
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase())
    }

    /// Sets it from its text.
    ///
    /// # Errors
    ///
    /// Which values it may have.
    pub fn set(&self, config: &mut Config, text: &str) -> Result<(), String> {
        (self.set)(config, text)
    }
}

fn set<T: FromStr>(to: &mut T, text: &str, expected: &str) -> Result<(), String> {
    *to = text.parse().or(Err(expected))?;
    Ok(())
}

fn number<T>(to: &mut T, text: &str, allowed: RangeInclusive<T>) -> Result<(), String>
where
    T: Copy + FromStr + PartialOrd + std::fmt::Display,
{
    let found = text.parse().ok().filter(|it| allowed.contains(it));
    *to = found.ok_or_else(|| format!("a number from {} to {}", allowed.start(), allowed.end()))?;
    Ok(())
}

fn seconds(to: &mut Duration, text: &str) -> Result<(), String> {
    let mut seconds = 0;
    number(&mut seconds, text, TIMEOUT_SECONDS)?;
    *to = Duration::from_secs(seconds);
    Ok(())
}
