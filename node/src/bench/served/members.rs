//! Members of an etcd cluster that are started for a bench, and thrown away afterwards.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;

use super::etcd::Etcd;
use super::target::ServedError;
use super::way::{Told, Write};
use crate::bench::scratch::Scratch;
use crate::world::Used;

/// How often a cluster is tried until it takes a write.
const LOOKS_MAX: u32 = 300;

/// Between two tries.
const PERIOD: Duration = Duration::from_millis(100);

/// The processes, in a folder of their own.
pub(super) struct Members {
    processes: Vec<Child>,
    pub(super) urls: Vec<String>,
    folder: Scratch,
}

/// Where a member listens.
struct Place {
    name: String,
    client: String,
    peer: String,
}

impl Members {
    /// Starts so many members, and waits until they take a write.
    pub(super) async fn start(count: u16) -> Result<Self, ServedError> {
        let places: io::Result<Vec<_>> = (1..=count).map(Place::new).collect();
        let places = places?;
        let all: Vec<_> = places.iter().map(|it| format!("{}={}", it.name, it.peer)).collect();
        let all = all.join(",");
        let folder = Scratch::new()?;
        let urls = places.iter().map(|it| it.client.clone()).collect();
        let mut members = Self { processes: Vec::new(), urls, folder };
        for place in places {
            let process = place.start(members.folder.path(), &all).map_err(not_started)?;
            members.processes.push(process);
        }
        members.settle().await?;
        Ok(members)
    }

    /// What all of them have used.
    pub(super) fn used(&self) -> Used {
        let all = self.processes.iter().filter_map(|it| Used::by(it.id().cast_signed()));
        let none = Used { cpu: Duration::ZERO, wall: Used::now().wall };
        all.fold(none, |sum, one| Used { cpu: sum.cpu + one.cpu, wall: sum.wall })
    }

    async fn settle(&self) -> Result<(), ServedError> {
        let mut etcd = Etcd::new(&self.urls)?;
        let write = Write { probe: 0, value: String::new(), key: String::new() };
        for _ in 0..LOOKS_MAX {
            if matches!(etcd.write(&write).await, Told::Done(_)) {
                return Ok(());
            }
            sleep(PERIOD).await;
        }
        Err(ServedError::Other("etcd does not take writes".to_owned()))
    }
}

impl Place {
    /// On ports that nobody has now.
    fn new(number: u16) -> io::Result<Self> {
        let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let [client, peer] = listeners.map(|it| it.local_addr().map(|it| format!("http://{it}")));
        Ok(Self { name: format!("m{number}"), client: client?, peer: peer? })
    }

    fn start(&self, folder: &Path, all: &str) -> io::Result<Child> {
        Command::new("etcd")
            .args(["--name", &self.name, "--initial-cluster", all, "--log-level", "error"])
            .args(["--listen-client-urls", &self.client, "--advertise-client-urls", &self.client])
            .args(["--listen-peer-urls", &self.peer, "--initial-advertise-peer-urls", &self.peer])
            .arg("--data-dir")
            .arg(folder.join(&self.name))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    }
}

fn not_started(error: io::Error) -> ServedError {
    if error.kind() == io::ErrorKind::NotFound {
        let what = "there is no etcd in the PATH: install etcd (Debian: etcd-server)";
        return ServedError::Other(what.to_owned());
    }
    ServedError::Io(error)
}

impl Drop for Members {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // One that has ended already is waited for all the same.
            process.kill().ok();
            process.wait().map(drop).ok();
        }
    }
}
