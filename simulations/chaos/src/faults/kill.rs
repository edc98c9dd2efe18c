//! Nodes are killed: any one, the one that leads most, and all at once.

use std::time::Duration;

use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::scene::Scene;

/// How long a node stays away.
const AWAY: Duration = Duration::from_secs(4);

pub(super) const KILL: Fault = Fault {
    name: "kill",
    about: "any node is killed, then the one that leads most shards, then all at once",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: false,
    possible: || Ok(()),
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    for (name, node) in [("any one", scene.anybody()), ("the busiest", scene.busiest()?)] {
        scene.phase(name);
        scene.cluster.kill(node)?;
        scene.rest(AWAY)?;
        scene.cluster.start(node)?;
        scene.served()?;
    }
    scene.phase("all at once");
    for node in 1..=NODES {
        scene.cluster.kill(node)?;
    }
    for node in 1..=NODES {
        scene.cluster.start(node)?;
    }
    scene.served().map(drop)
}
