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
pub const FIELDS: [Field; 26] = [
    Field { name: "listen", set: |config, text| set(&mut config.listen, text, LISTEN) },
    Field { name: "log", set: |config, text| set(&mut config.log, text, "text") },
    Field {
        name: "log_format",
        set: |config, text| set(&mut config.log_format, text, "text or json"),
    },
    Field { name: "cluster", set: |config, text| name(&mut config.cluster, text) },
    Field { name: "name", set: |config, text| name_or_none(&mut config.name, text) },
    Field { name: "zone", set: |config, text| name_or_none(&mut config.zone, text) },
    Field { name: "weight", set: |config, text| number(&mut config.weight, text, 0..=WEIGHT_MAX) },
    Field { name: "peers", set: |config, text| places(&mut config.peers, text) },
    Field { name: "bind", set: |config, text| set(&mut config.bind, text, BIND) },
    Field { name: "advertise", set: |config, text| place_or_none(&mut config.advertise, text) },
    Field { name: "data", set: |config, text| set(&mut config.data, text, "a folder") },
    Field { name: "secret_file", set: |config, text| set(&mut config.secret_file, text, "a file") },
    Field { name: "shards", set: |config, text| number(&mut config.shards, text, 1..=SHARDS_MAX) },
    Field { name: "copies", set: |config, text| copies(&mut config.copies, text) },
    Field { name: "threads", set: |config, text| number(&mut config.threads, text, 0..=1_024) },
    Field {
        name: "rows_memory_mib",
        set: |config, text| number(&mut config.rows_memory_mib, text, 16..=1_048_576),
    },
    Field {
        name: "disk_free_min_mib",
        set: |config, text| number(&mut config.disk_free_min_mib, text, 1..=1_048_576),
    },
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
        name: "tls_cert_file",
        set: |config, text| set(&mut config.tls_cert_file, text, "a file"),
    },
    Field {
        name: "tls_key_file",
        set: |config, text| set(&mut config.tls_key_file, text, "a file"),
    },
    Field { name: "origins", set: |config, text| origins(&mut config.origins, text) },
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

const BIND: &str = "an address such as 0.0.0.0:7400";

/// Largest share of a node.
const WEIGHT_MAX: u32 = 1_000;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Most sites whose pages may open a `WebSocket`.
const ORIGINS_MAX: usize = 64;

/// Most nodes to meet.
const PEERS_MAX: usize = 64;

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

fn name(to: &mut String, text: &str) -> Result<(), String> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || ".-_".contains(it);
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.chars().all(is_name) {
        return Err(format!(
            "1 to {NAME_BYTES_MAX} letters, digits, dots, hyphens and underscores"
        ));
    }
    text.clone_into(to);
    Ok(())
}

fn name_or_none(to: &mut String, text: &str) -> Result<(), String> {
    if text.is_empty() {
        to.clear();
        return Ok(());
    }
    name(to, text)
}

fn place_or_none(to: &mut String, text: &str) -> Result<(), String> {
    let is_place = |(host, port): (&str, &str)| !host.is_empty() && port.parse::<u16>().is_ok();
    if !text.is_empty() && !text.rsplit_once(':').is_some_and(is_place) {
        return Err("a host and a port, such as 10.0.0.1:7400".to_owned());
    }
    text.clone_into(to);
    Ok(())
}

fn places(to: &mut Vec<String>, text: &str) -> Result<(), String> {
    let expected =
        || format!("at most {PEERS_MAX} hosts with ports, commas between, such as a:7400,b:7400");
    let mut found = Vec::new();
    for text in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let mut place = String::new();
        place_or_none(&mut place, text).map_err(|_place| expected())?;
        found.push(place);
    }
    if found.len() > PEERS_MAX {
        return Err(expected());
    }
    *to = found;
    Ok(())
}

fn origins(to: &mut Vec<String>, text: &str) -> Result<(), String> {
    let is_origin = |it: &&str| {
        let host = it.strip_prefix("https://").or_else(|| it.strip_prefix("http://"));
        *it == "*" || host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ']))
    };
    let found: Vec<_> = text.split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
    if found.len() > ORIGINS_MAX || !found.iter().all(is_origin) {
        return Err(format!(
            "at most {ORIGINS_MAX} origins with commas between, such as https://example.com, or *"
        ));
    }
    *to = found.into_iter().map(str::to_owned).collect();
    Ok(())
}

fn copies(to: &mut u8, text: &str) -> Result<(), String> {
    *to = text.parse().ok().filter(|it| [1, 3, 5].contains(it)).ok_or("1, 3 or 5")?;
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
