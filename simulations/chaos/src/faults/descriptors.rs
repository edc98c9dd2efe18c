//! A node may open few files, and clients open all of them.

use std::net::TcpStream;
use std::time::Duration;

use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::process::Specially;
use crate::scene::Scene;

/// How many files a node may have open, connections among them.
const FILES_MAX: u32 = 256;

/// How many connections clients open.
const CONNECTIONS: usize = 600;

/// How long they stay.
const LASTING: Duration = Duration::from_secs(10);

/// How long a connection may take until the system has it.
const CONNECT_MAX: Duration = Duration::from_secs(5);

pub(super) const DESCRIPTORS: Fault = Fault {
    name: "descriptors",
    about: "a node may have 256 files open, and 600 connections are opened to it; then another node is \
            killed, so that the cluster needs it",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: false,
    possible: || machine::has("prlimit"),
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    let node = scene.anybody();
    scene.cluster.kill(node)?;
    let before = vec!["prlimit".to_owned(), format!("--nofile={FILES_MAX}:{FILES_MAX}")];
    scene.cluster.start_specially(node, &Specially { before, ..Specially::default() })?;
    scene.served()?;
    scene.phase("connections come");
    let address = scene.cluster.address(node);
    let open = || TcpStream::connect_timeout(&address, CONNECT_MAX).ok();
    let connections: Vec<_> = (0..CONNECTIONS).filter_map(|_| open()).collect();
    scene.rest(LASTING)?;
    scene.phase("another one is killed");
    let other = node % NODES + 1;
    scene.cluster.kill(other)?;
    scene.rest(LASTING)?;
    scene.note(format!("{} connections", connections.len()));
    if let Some(status) = scene.cluster.ended(node)? {
        return Err(ChaosError::broken(format!("without files node {node} ends with {status}")));
    }
    drop(connections);
    scene.cluster.start(other)?;
    scene.served().map(drop)
}
