//! Every node is told to end, one after the other, as for an upgrade.

use std::time::Duration;

use rustix::process::Signal;

use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::scene::Scene;

/// How long a node may take to end.
const END_MAX: Duration = Duration::from_secs(20);

/// Between two nodes.
const REST: Duration = Duration::from_secs(3);

pub(super) const ROLLING: Fault = Fault {
    name: "rolling",
    about: "every node is told to end and started again, one after the other",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: false,
    possible: || Ok(()),
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    for node in 1..=NODES {
        scene.cluster.signal(node, Signal::TERM)?;
        let status = scene.cluster.end_within(node, END_MAX)?;
        if !status.success() {
            return Err(ChaosError::broken(format!("node {node} was told to end: {status}")));
        }
        scene.cluster.start(node)?;
        scene.served()?;
        scene.rest(REST)?;
    }
    Ok(())
}
