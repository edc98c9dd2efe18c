//! Every setting with its type, unit and default.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What an operator may set. `Default` is what runs without any configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where clients connect. Only this machine by default, since there is no TLS yet.
    pub listen: SocketAddr,
    /// What is logged, as `tracing` writes filters: `info`, `node=debug,warn`.
    pub log: String,
    /// How many shards hold the entities. Cannot change while they hold any.
    pub shards: u32,
    /// Longest body of a request, in bytes.
    pub body_bytes_max: usize,
    /// Longest time from the last header of a request to its answer.
    pub request_timeout: Duration,
    /// Longest time that the headers of a request may take to arrive.
    pub header_timeout: Duration,
    /// Most connections of clients at once. More wait in the listening socket's queue.
    pub connections_max: usize,
    /// Memory that hashing one password takes, in KiB. Default: OWASP's first choice for argon2id.
    pub argon2_memory_kib: u32,
    /// How often hashing a password passes over that memory.
    pub argon2_iterations: u32,
    /// Numbers of the services by name, such as `posts.pull_above_followers`. Whoever starts the
    /// services checks names and ranges: they are declared there.
    pub settings: BTreeMap<String, u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            log: "info".to_owned(),
            shards: 8,
            body_bytes_max: 64 * 1024,
            request_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            connections_max: 10_000,
            argon2_memory_kib: 19_456,
            argon2_iterations: 2,
            settings: BTreeMap::new(),
        }
    }
}
