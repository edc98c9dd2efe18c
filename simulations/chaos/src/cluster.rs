//! A cluster of real processes, and what can be done to them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::error::ChaosError;
use crate::process::{Line, Process, Specially};
use crate::wires;

/// How many nodes there are, numbered from 1.
pub const NODES: usize = 3;

/// How many shards they have.
pub const SHARDS: u32 = 4;

/// Settings with which several nodes find room on any machine, and say soon what they cannot do.
const SMALL: [(&str, &str); 5] = [
    ("ROOST_ARGON2_MEMORY_KIB", "8"),
    ("ROOST_ROWS_MEMORY_MIB", "16"),
    ("ROOST_DISK_FREE_MIN_MIB", "64"),
    ("ROOST_REQUEST_TIMEOUT_SECONDS", "3"),
    ("ROOST_THREADS", "1"),
];

/// Has a node killed when this process ends, however it does: one that stands still ends by nothing else.
const LEASH: [&str; 4] = ["setpriv", "--pdeathsig", "KILL", "--"];

/// How long a process may take to end that was killed.
const KILL_MAX: Duration = Duration::from_secs(10);

/// Where nodes are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ground {
    /// On the loopback of this machine.
    Loopback,
    /// There too, and what they send each other goes through [`Relays`](crate::relay::Relays).
    Relays,
    /// Each on a wire of its own: see [`wires`].
    Wires,
}

/// Where each node is found, by its number less one.
#[derive(Clone, Debug)]
pub struct Places {
    /// Where others send to.
    pub peers: Vec<SocketAddr>,
    /// Where it listens for them.
    pub bind: Vec<SocketAddr>,
    /// Where it serves clients.
    pub listen: Vec<SocketAddr>,
}

impl Places {
    /// Finds places for [`NODES`] nodes.
    ///
    /// # Errors
    ///
    /// When the machine has no ports to give.
    pub fn find(ground: Ground) -> Result<Self, ChaosError> {
        if ground == Ground::Wires {
            let at = |port| (1..=NODES).map(|it| wires::place(it, port)).collect::<Vec<_>>();
            return Ok(Self { peers: at(7_400), bind: at(7_400), listen: at(8_080) });
        }
        let no_port = || ChaosError::io("a port");
        let (mut bind, mut peers, mut listen) = (Vec::new(), Vec::new(), Vec::new());
        // Held until all are found: the system gives none of them twice.
        let mut held = Vec::new();
        for _ in 0..NODES {
            for places in [&mut bind, &mut peers] {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_port())?;
                places.push(socket.local_addr().map_err(no_port())?);
                held.push(socket);
            }
        }
        let mut sockets = Vec::new();
        for _ in 0..NODES {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_port())?;
            listen.push(socket.local_addr().map_err(no_port())?);
            sockets.push(socket);
        }
        if ground == Ground::Loopback {
            peers.clone_from(&bind);
        }
        Ok(Self { peers, bind, listen })
    }
}

/// A cluster. It ends with this, and with this process.
#[derive(Debug)]
pub struct Cluster {
    roost: PathBuf,
    folder: PathBuf,
    peers: Vec<SocketAddr>,
    listen: Vec<SocketAddr>,
    urls: Vec<String>,
    nodes: Vec<Process>,
}

impl Cluster {
    /// One that does not run yet, in a folder that is made.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Io`]
    pub fn new(
        roost: &Path,
        folder: &Path,
        (ground, places): (Ground, &Places),
    ) -> Result<Self, ChaosError> {
        let named = || ChaosError::io(folder.display().to_string());
        fs::create_dir_all(folder).map_err(named())?;
        fs::write(folder.join("secret"), "known to all of them").map_err(named())?;
        let peers: Vec<_> = places.peers.iter().map(ToString::to_string).collect();
        let mut nodes = Vec::new();
        for node in 1..=NODES {
            let mut words = if ground == Ground::Wires { wires::within(node) } else { Vec::new() };
            words.extend(LEASH.map(str::to_owned));
            let place = words.len();
            let name = name(node);
            let path = |it: &str| folder.join(it).display().to_string();
            words.extend([roost.display().to_string(), "node".into(), "--leashed".into()]);
            let (secret, data) = (path("secret"), path(&name));
            let flags = [
                ("--name", name.clone()),
                ("--cluster", "chaos".to_owned()),
                ("--peers", peers.join(",")),
                ("--bind", places.bind[node - 1].to_string()),
                ("--listen", places.listen[node - 1].to_string()),
                ("--shards", SHARDS.to_string()),
                ("--secret-file", secret),
                ("--data", data),
            ];
            words.extend(flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
            let settings = SMALL.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            let log = folder.join(format!("{name}.log"));
            nodes.push(Process::new(Line { words, settings, log }, place));
        }
        let (peers, listen) = (places.peers.clone(), places.listen.clone());
        let urls = listen.iter().map(|it| format!("http://{it}")).collect();
        let (roost, folder) = (roost.to_owned(), folder.to_owned());
        Ok(Self { roost, folder, peers, listen, urls, nodes })
    }

    /// Where nodes serve clients, in their order.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Where a node serves clients.
    pub fn url(&self, node: usize) -> &str {
        &self.urls[node - 1]
    }

    /// The same.
    pub fn address(&self, node: usize) -> SocketAddr {
        self.listen[node - 1]
    }

    /// Where other nodes send to.
    pub fn peer(&self, node: usize) -> SocketAddr {
        self.peers[node - 1]
    }

    /// The folder with what a node stores.
    pub fn data(&self, node: usize) -> PathBuf {
        self.folder.join(name(node))
    }

    /// The folder of all of them.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a node has logged, with all its lives.
    pub fn log(&self, node: usize) -> String {
        let bytes = fs::read(self.folder.join(format!("{}.log", name(node)))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The token of operators.
    ///
    /// # Errors
    ///
    /// When the program does not tell it.
    pub fn operator(&self) -> Result<String, ChaosError> {
        let mut command = Command::new(&self.roost);
        command.arg("token").arg("--secret-file").arg(self.folder.join("secret"));
        let output = command.output().map_err(ChaosError::io(self.roost.display().to_string()))?;
        let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        if token.is_empty() { Err(ChaosError::broken(errors)) } else { Ok(token) }
    }

    /// Starts a node.
    ///
    /// # Errors
    ///
    /// [`ChaosError`]
    pub fn start(&mut self, node: usize) -> Result<(), ChaosError> {
        self.start_specially(node, &Specially::default())
    }

    /// The same, once, in a special way.
    ///
    /// # Errors
    ///
    /// [`ChaosError`]
    pub fn start_specially(
        &mut self,
        node: usize,
        specially: &Specially,
    ) -> Result<(), ChaosError> {
        self.nodes[node - 1].start(specially)
    }

    /// The number of a node for the system.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn pid(&self, node: usize) -> Result<Pid, ChaosError> {
        let pid = self.nodes[node - 1].pid();
        pid.ok_or_else(|| ChaosError::broken(format!("node {node} does not run")))
    }

    /// Sends a node a signal.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Io`]
    pub fn signal(&self, node: usize, signal: Signal) -> Result<(), ChaosError> {
        self.nodes[node - 1].signal(signal)
    }

    /// Ends a node at once.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub fn kill(&mut self, node: usize) -> Result<(), ChaosError> {
        self.signal(node, Signal::KILL)?;
        self.end_within(node, KILL_MAX).map(drop)
    }

    /// What the system says of the memory of a node, in bytes: `VmRSS` is in use, `VmData` is its own; 0
    /// when it does not run.
    pub fn memory_bytes(&self, node: usize, what: &str) -> u64 {
        let Some(pid) = self.nodes[node - 1].pid() else { return 0 };
        let told = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
        let told = told.unwrap_or_default();
        let line = told.lines().find_map(|it| it.strip_prefix(what)?.strip_prefix(':'));
        let kib = line.and_then(|it| it.trim().split(' ').next()?.parse::<u64>().ok());
        kib.unwrap_or(0) << 10
    }

    /// How a node has ended since it was started; none when it runs.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Io`]
    pub fn ended(&mut self, node: usize) -> Result<Option<ExitStatus>, ChaosError> {
        self.nodes[node - 1].ended()
    }

    /// Waits until a node has ended, and yields how.
    ///
    /// # Errors
    ///
    /// When it does not end in time.
    pub fn end_within(&mut self, node: usize, limit: Duration) -> Result<ExitStatus, ChaosError> {
        let status = self.nodes[node - 1].end_within(limit)?;
        status
            .ok_or_else(|| ChaosError::broken(format!("node {node} has not ended after {limit:?}")))
    }
}

fn name(node: usize) -> String {
    format!("n{node}")
}
