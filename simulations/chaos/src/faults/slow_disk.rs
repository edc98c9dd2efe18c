//! The disk of one node is slow: each of its fsyncs takes very long.

use std::time::Duration;

use crate::cluster::Ground;
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::scene::Scene;
use crate::tracing::Traced;

/// How long the disk is slow.
const LASTING: Duration = Duration::from_secs(15);

/// How long each fsync takes, in microseconds.
const DELAY_MICROS: u32 = 2_000_000;

pub(super) const SLOW_DISK: Fault = Fault {
    name: "slow-disk",
    about: "each fsync of the node that leads most shards takes 2 seconds",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: false,
    possible: machine::can_trace,
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    let node = scene.busiest()?;
    let delay = format!("inject=fsync,fdatasync:delay_enter={DELAY_MICROS}");
    let file = scene.cluster.folder().join("trace");
    let traced = Traced::start(scene.cluster.pid(node)?, &file, &[&delay])?;
    scene.rest(LASTING)?;
    let leads = scene.leaders()?.into_iter().filter(|it| *it == node).count();
    scene.note(format!("leads {leads} shards after {} s", LASTING.as_secs()));
    drop(traced);
    Ok(())
}
