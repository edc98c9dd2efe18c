//! Disks are full: that of one node to the last byte, then all of them.

use std::time::Duration;

use rustix::process::Signal;

use crate::client::{Call, Told};
use crate::cluster::{Ground, NODES};
use crate::disk::Disk;
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::scene::Scene;

/// How large a disk is, in MiB: what the log keeps for such days, what a node wants to have free, and room.
const DISK_MIB: u32 = 256;

/// How long the node whose disk is full may lead anything, while those of others are not.
const LEADING_MAX: Duration = Duration::from_secs(10);

/// How long a disk is full.
const LASTING: Duration = Duration::from_secs(6);

/// Between two looks whether a node has ended because of it: it is started again then.
const LOOK: Duration = Duration::from_secs(1);

/// How long a node may take to end that was told to.
const END_MAX: Duration = Duration::from_secs(20);

pub(super) const FULL: Fault = Fault {
    name: "full",
    about: "the disk of the node that leads most shards is full to the last byte, then all disks are",
    ground: Ground::Loopback,
    passing: &["storage_full"],
    unnoticed: false,
    possible: machine::has_wires,
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    for node in 1..=NODES {
        scene.cluster.signal(node, Signal::TERM)?;
        scene.cluster.end_within(node, END_MAX)?;
        let disk = Disk::give(&scene.cluster.data(node), DISK_MIB)?;
        scene.disks.push(disk);
        scene.cluster.start(node)?;
        scene.served()?;
    }
    let node = scene.busiest()?;
    fill(scene, &[node])?;
    fill(scene, &[1, 2, 3])
}

/// Waits until a node leads nothing.
fn gives_up(scene: &mut Scene<'_>, node: usize) -> Result<(), ChaosError> {
    let given_up = scene.until("it leads nothing", LEADING_MAX, |scene| {
        let leaders = scene.leaders()?;
        Ok(if leaders.contains(&node) { Err(format!("{leaders:?} lead")) } else { Ok(()) })
    });
    given_up.map(drop)
}

/// Fills the disks of some nodes for a while. What is stored can be read meanwhile, at every node that
/// runs.
fn fill(scene: &mut Scene<'_>, nodes: &[usize]) -> Result<(), ChaosError> {
    scene.phase(format!("{} full", nodes.len()));
    for node in nodes {
        scene.disks[node - 1].fill()?;
    }
    if let [node] = nodes {
        gives_up(scene, *node)?;
    }
    let mut ends = 0;
    for _ in 0..LASTING.as_millis() / LOOK.as_millis() {
        scene.rest(LOOK)?;
        for node in 1..=NODES {
            if scene.cluster.ended(node)?.is_some() {
                ends += 1;
                scene.cluster.start(node)?;
            }
        }
    }
    let (mut answers, call) = (Vec::new(), Call::get("/v1/operator/probes/1"));
    for url in scene.cluster.urls() {
        answers.push(scene.ask(scene.operator.ask(url, &call)));
    }
    for node in nodes {
        scene.disks[node - 1].free()?;
    }
    scene.phase(format!("{} full no more, after {ends} ends", nodes.len()));
    if let Some(told) = answers.iter().find(|it| !matches!(it, Told::Done(_))) {
        return Err(ChaosError::broken(format!("with disks of {nodes:?} full: {told:?}")));
    }
    for node in 1..=NODES {
        if scene.cluster.ended(node)?.is_some() {
            scene.cluster.start(node)?;
        }
    }
    scene.served().map(drop)
}
