//! A cluster that is started for a bench, and thrown away afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;
use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{self, Used};

/// How long a cluster may take to serve, and a node to come back.
const START_MAX: Duration = Duration::from_mins(1);

/// `roost dev` with several nodes, in a folder of its own.
pub(super) struct Spawned {
    dev: Child,
    folder: PathBuf,
    said: Receiver<String>,
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
    pub(super) fn start(nodes: u16, shards: u32) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("roost-bench-{:016x}", world::chance()));
        fs::create_dir_all(&folder)?;
        let mut dev = Command::new(std::env::current_exe()?)
            .args(["dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(&folder)
            .args(["--nodes", &nodes.to_string(), "--shards", &shards.to_string()])
            // People are made to publish, not to be hard to impersonate.
            .envs([("ROOST_ARGON2_MEMORY_KIB", "8"), ("ROOST_ARGON2_ITERATIONS", "1")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(dev.stdout.take().expect("it is piped")).lines();
        let said = listen(lines)?;
        let mut spawned = Self { dev, folder, said, nodes: BTreeMap::new() };
        while spawned.nodes.len() < usize::from(nodes) {
            spawned.hear()?;
        }
        Ok(spawned)
    }

    /// The file with its secret.
    pub(super) fn secret(&self) -> PathBuf {
        self.folder.join("secret")
    }

    /// The file with the certificate that its nodes show to clients.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join("tls.pem")
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
    pub(super) fn wait_for(&mut self, name: &str) -> io::Result<String> {
        loop {
            if let Some(process) = self.nodes.get(name) {
                return Ok(process.url.clone());
            }
            self.hear()?;
        }
    }

    /// Takes in the next line that it says.
    fn hear(&mut self) -> io::Result<()> {
        let line = self.said.recv_timeout(START_MAX).map_err(|error| match error {
            RecvTimeoutError::Timeout => io::Error::other("the cluster does not start in time"),
            RecvTimeoutError::Disconnected => io::Error::other("the cluster has ended"),
        })?;
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

/// Reads on a thread of its own: whoever waits for a line does not wait for ever.
fn listen(lines: Lines<BufReader<ChildStdout>>) -> io::Result<Receiver<String>> {
    let (sender, said) = channel();
    let read = move || {
        for line in lines.map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    };
    Builder::new().name("listener".to_owned()).spawn(read)?;
    Ok(said)
}

impl Drop for Spawned {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.dev.id().cast_signed()) {
            // It may have ended already.
            kill_process(pid, Signal::TERM).ok();
        }
        self.dev.wait().map(drop).ok();
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "not removed");
        }
    }
}
