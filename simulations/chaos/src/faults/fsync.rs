//! An fsync fails, once. Nobody knows then what is on the disk: the process has to end, and must not try
//! again, for the next one would succeed and say nothing of what was lost.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::cluster::Ground;
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::scene::Scene;
use crate::tracing::Traced;

/// How long a node may take to end after the error.
const END_MAX: Duration = Duration::from_secs(10);

/// How long it stays away then.
const AWAY: Duration = Duration::from_secs(2);

/// What strace adds to a line about a call that it has answered itself.
const INJECTED: &str = "(INJECTED)";

pub(super) const FSYNC: Fault = Fault {
    name: "fsync",
    about: "an fsync of any node fails, and of the one that leads most shards",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: false,
    possible: machine::can_trace,
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    for node in [scene.anybody(), scene.busiest()?] {
        let file = scene.cluster.folder().join(format!("trace-{node}"));
        let number = scene.chance.within(2..=20);
        let error = format!("inject=fsync,fdatasync:error=EIO:when={number}");
        let traced = Traced::start(scene.cluster.pid(node)?, &file, &[&error])?;
        let status = scene.cluster.end_within(node, END_MAX)?;
        drop(traced);
        if status.success() {
            return Err(ChaosError::broken(format!("node {node} ends with {status}")));
        }
        check(&file)?;
        scene.note(format!("ends with {status}"));
        scene.rest(AWAY)?;
        scene.cluster.start(node)?;
        scene.served()?;
    }
    Ok(())
}

/// Checks that whoever was told of the error has synced nothing since.
fn check(file: &Path) -> Result<(), ChaosError> {
    let text = fs::read_to_string(file).map_err(ChaosError::io(file.display().to_string()))?;
    let mut lines = text.lines().skip_while(|it| !it.contains(INJECTED));
    let Some(failed) = lines.next() else {
        return Err(ChaosError::broken("it has ended, and no fsync has failed".to_owned()));
    };
    let thread = failed.split(' ').next();
    let is_own = |it: &&str| it.split(' ').next() == thread && it.contains("sync(");
    match lines.find(is_own) {
        None => Ok(()),
        Some(again) => Err(ChaosError::broken(format!("{failed}, and then {again}"))),
    }
}
