//! A cluster that is started for a bench, and thrown away afterwards.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;
use tokio::time::timeout;

use crate::bench::scratch::Scratch;
use crate::world::{self, Used};

/// How long a cluster may take to serve, and a node to come back.
const START_MAX: Duration = Duration::from_mins(1);

/// `roost dev` with several nodes, in a folder of its own.
pub(super) struct Spawned {
    dev: Child,
    folder: Scratch,
    said: Lines<BufReader<ChildStdout>>,
    /// By name.
    nodes: BTreeMap<String, Process>,
}

/// A node.
#[derive(Clone, Debug)]
struct Process {
    pid: i32,
    url: String,
}

impl Spawned {
    /// Starts so many nodes, and waits until they serve.
    pub(super) async fn start(nodes: u16, shards: u32) -> io::Result<Self> {
        let folder = Scratch::new()?;
        let mut dev = Command::new(std::env::current_exe()?)
            .args(["dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .args(["--nodes", &nodes.to_string(), "--shards", &shards.to_string()])
            // People are made to publish, not to be hard to impersonate.
            .envs([("ROOST_ARGON2_MEMORY_KIB", "8"), ("ROOST_ARGON2_ITERATIONS", "1")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = ChildStdout::from_std(dev.stdout.take().expect("it is piped"))?;
        let said = BufReader::new(said).lines();
        let mut spawned = Self { dev, folder, said, nodes: BTreeMap::new() };
        while spawned.nodes.len() < usize::from(nodes) {
            spawned.hear().await?;
        }
        Ok(spawned)
    }

    /// The file with its secret.
    pub(super) fn secret(&self) -> PathBuf {
        self.folder.path().join("secret")
    }

    /// The file with the certificate that its nodes show to clients.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.path().join("tls.pem")
    }

    /// Where its nodes serve clients.
    pub(super) fn urls(&self) -> Vec<String> {
        self.nodes.values().map(|it| it.url.clone()).collect()
    }

    /// What all of its nodes have used, those that were killed not among them.
    pub(super) fn used(&self) -> Used {
        let all = self.nodes.values().filter_map(|it| Used::by(it.pid));
        let none = Used { cpu: Duration::ZERO, wall: Used::now().wall };
        all.fold(none, |sum, one| Used { cpu: sum.cpu + one.cpu, wall: sum.wall })
    }

    /// Memory of all of its nodes that is in use now, in bytes.
    pub(super) fn resident_bytes(&self) -> u64 {
        self.nodes.values().filter_map(|it| world::resident_bytes_of(it.pid)).sum()
    }

    /// Kills a node at once.
    pub(super) fn kill(&mut self, name: &str) -> io::Result<()> {
        let missing = || io::Error::other(format!("there is no node {name}"));
        let process = self.nodes.remove(name).ok_or_else(missing)?;
        let pid = Pid::from_raw(process.pid).ok_or_else(missing)?;
        Ok(kill_process(pid, Signal::KILL)?)
    }

    /// Waits until a node that was killed is back.
    pub(super) async fn wait_for(&mut self, name: &str) -> io::Result<String> {
        loop {
            if let Some(process) = self.nodes.get(name) {
                return Ok(process.url.clone());
            }
            self.hear().await?;
        }
    }

    /// Takes in the next line that it says.
    async fn hear(&mut self) -> io::Result<()> {
        let Ok(said) = timeout(START_MAX, self.said.next_line()).await else {
            return Err(io::Error::other("the cluster does not start in time"));
        };
        let line = said?.ok_or_else(|| io::Error::other("the cluster has ended"))?;
        let words: Vec<_> = line.split([' ', ',', ':']).filter(|it| !it.is_empty()).collect();
        let pid = words.iter().position(|it| *it == "process").and_then(|at| words.get(at + 1));
        let url = line.split([' ', ',']).find(|it| it.starts_with("http://"));
        if let (Some(url), Some(Ok(pid))) = (url, pid.map(|it| it.parse())) {
            let process = Process { pid, url: url.to_owned() };
            self.nodes.insert(words[0].to_owned(), process);
        }
        Ok(())
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.dev.id().cast_signed()) {
            // It may have ended already.
            kill_process(pid, Signal::TERM).ok();
        }
        self.dev.wait().map(drop).ok();
    }
}
