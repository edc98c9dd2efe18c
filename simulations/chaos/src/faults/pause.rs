//! The node that leads most shards stands still, and knows nothing of it afterwards.

use std::time::Duration;

use rustix::process::Signal;

use crate::cluster::Ground;
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::scene::Scene;

/// For how long: less than it takes to notice, about as long, and far above every timeout.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// Between two of them.
const REST: Duration = Duration::from_secs(3);

pub(super) const PAUSE: Fault = Fault {
    name: "pause",
    about: "the node that leads most shards stands still for 1, 5 and 30 seconds",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: false,
    possible: || Ok(()),
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    for lasting in PAUSES {
        let node = scene.busiest()?;
        scene.phase(format!("{} s", lasting.as_secs()));
        scene.cluster.signal(node, Signal::STOP)?;
        let rested = scene.rest(lasting);
        scene.cluster.signal(node, Signal::CONT)?;
        rested?;
        // It still believes that it leads: whoever asks it must not be told what was true then.
        scene.rest(REST)?;
        scene.served()?;
    }
    Ok(())
}
