//! Every setting with its type, unit and default.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What an operator may set. `Default` is what runs without any configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where clients connect: only this machine by default.
    pub listen: SocketAddr,
    /// What is logged, as `tracing` writes filters: `info`, `node=debug,warn`.
    pub log: String,
    /// How a line of the log is written.
    pub log_format: LogFormat,
    /// The cluster, by its name: 1 to 63 letters, digits, dots, hyphens and underscores.
    pub cluster: String,
    /// The node, by its name, as [`Config::cluster`]. Empty: the name of the machine.
    pub name: String,
    /// Where the node stands: copies of a shard go to different zones. Empty if there are none.
    pub zone: String,
    /// The node's share of the shards, beside those of the others.
    pub weight: u32,
    /// The nodes to meet, as `host:port`, the same in the same order on all. The first one founds the
    /// cluster. Empty: this node alone is one.
    pub peers: Vec<String>,
    /// Where other nodes connect: UDP.
    pub bind: SocketAddr,
    /// Where other nodes find this one, as `host:port`. Empty: at the peer that turns out to be it.
    pub advertise: String,
    /// The folder with all that the node stores.
    pub data: PathBuf,
    /// A file with the secret that all nodes of the cluster share: 16 bytes at least, by chance.
    pub secret_file: PathBuf,
    /// How many shards hold the entities. What the first peer says when the cluster is founded counts,
    /// for good.
    pub shards: u32,
    /// How many copies of each shard there are to be, as far as there are nodes: 1, 3 or 5. As
    /// [`Config::shards`].
    pub copies: u8,
    /// Threads that replicate and run shards. 0: as many as the machine has processors.
    pub threads: usize,
    /// Memory for rows, in MiB.
    pub rows_memory_mib: u64,
    /// Below so many MiB free on the disk only what makes room is taken.
    pub disk_free_min_mib: u64,
    /// Longest body of a request, in bytes.
    pub body_bytes_max: usize,
    /// Longest time from the last header of a request to its answer.
    pub request_timeout: Duration,
    /// Longest time that the headers of a request may take to arrive.
    pub header_timeout: Duration,
    /// A file with the certificate for clients and those above it, as PEM. Empty: no TLS. Read again when it
    /// is replaced, as the key is.
    pub tls_cert_file: PathBuf,
    /// The file with its key, as PEM.
    pub tls_key_file: PathBuf,
    /// Pages of which other sites may open a `WebSocket` here, as their browsers name them:
    /// `https://example.com`. Pages of the same host always may; `*` lets every page.
    pub origins: Vec<String>,
    /// Most connections of clients at once, those of `WebSocket` among them, as far as the machine lets
    /// the process open files. More wait in the queue of the listening socket.
    pub connections_max: usize,
    /// Memory that hashing one password takes, in KiB. Default: OWASP's first choice for argon2id.
    pub argon2_memory_kib: u32,
    /// How often hashing a password passes over that memory.
    pub argon2_iterations: u32,
    /// Numbers of the services by name, such as `posts.pull_above_followers`. Whoever starts the
    /// services checks names and ranges: they are declared there.
    pub settings: BTreeMap<String, u64>,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// As a JSON object.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            log: "info,openraft=error,fjall=warn,lsm_tree=warn".to_owned(),
            log_format: LogFormat::Text,
            cluster: "roost".to_owned(),
            name: String::new(),
            zone: String::new(),
            weight: 100,
            peers: Vec::new(),
            bind: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7400)),
            advertise: String::new(),
            data: PathBuf::from("roost-data"),
            secret_file: PathBuf::new(),
            shards: 8,
            copies: 3,
            threads: 0,
            rows_memory_mib: 512,
            disk_free_min_mib: 2_048,
            body_bytes_max: 64 * 1024,
            request_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            tls_cert_file: PathBuf::new(),
            tls_key_file: PathBuf::new(),
            origins: Vec::new(),
            connections_max: 20_000,
            argon2_memory_kib: 19_456,
            argon2_iterations: 2,
            settings: BTreeMap::new(),
        }
    }
}
