//! One fault after the other, each happening to a cluster of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chance::Chance;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::ChaosError;
use crate::fault::Fault;
use crate::report::{Came, Report, Row};
use crate::scene::Stage;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program.
    pub roost: PathBuf,
    /// Where nodes store what they store. What is left of it in the end is of faults that found something.
    pub folder: PathBuf,
    /// What is to go wrong, each of it once.
    pub faults: Vec<&'static Fault>,
    /// How long any of it is repeated after that.
    pub lasting: Duration,
    /// What all choices follow from. What the machine does with them does not.
    pub seed: u64,
}

/// Runs a plan. `stopped` is told when it is to end; `tell` is told what came of each fault.
///
/// # Errors
///
/// [`ChaosError::Io`] and [`ChaosError::Stopped`]; what does not hold is a part of the report.
pub fn run(
    plan: &Plan,
    stopped: &watch::Receiver<bool>,
    tell: &mut dyn FnMut(&Row),
) -> Result<Report, ChaosError> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(ChaosError::io("threads"))?;
    let (began, mut report) = (Instant::now(), Report { seed: plan.seed, rows: Vec::new() });
    let mut chance = Chance::of(plan.seed, "chaos");
    for round in 0.. {
        let fault = match plan.faults.get(round) {
            Some(fault) => *fault,
            None if began.elapsed() < plan.lasting => *chance.pick(&plan.faults),
            None => break,
        };
        let came = if let Err(why) = (fault.possible)() {
            Came::Skipped(why)
        } else {
            let folder = plan.folder.join(format!("{}-{round}", fault.name));
            clear(&folder)?;
            let (roost, stopped) = (&*plan.roost, stopped.clone());
            let stage = Stage { roost, folder: &folder, runtime: &runtime, stopped };
            let happened = stage.play(fault, Chance::of(chance.draw(), fault.name))?;
            if happened.is_sound() {
                clear(&folder)?;
            }
            Came::Happened(happened)
        };
        let row = Row { fault: fault.name, came };
        tell(&row);
        report.add(row);
    }
    Ok(report)
}

fn clear(folder: &Path) -> Result<(), ChaosError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ChaosError::Io(folder.display().to_string(), error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
