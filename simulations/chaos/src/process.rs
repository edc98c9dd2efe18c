//! One node: a process that is started, told things, and ended.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::error::ChaosError;

/// Between two looks whether a process has ended.
const LOOK: Duration = Duration::from_millis(10);

/// How a node is started.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The program and its arguments, and what stands before them: where it runs.
    pub(crate) words: Vec<String>,
    /// What its environment says besides that of this process.
    pub(crate) settings: Vec<(String, String)>,
    /// Where it logs to.
    pub(crate) log: PathBuf,
}

/// What is special of one start.
#[derive(Clone, Debug, Default)]
pub struct Specially {
    /// Commands that start the node, and become it.
    pub before: Vec<String>,
    /// What its environment says besides.
    pub settings: Vec<(String, String)>,
}

/// A node. It ends with this.
#[derive(Debug)]
pub(crate) struct Process {
    line: Line,
    /// Where words of a special start belong: behind those that say where it runs.
    place: usize,
    child: Option<Child>,
}

impl Process {
    /// One that does not run yet. So many of its first words say where it runs.
    pub(crate) fn new(line: Line, place: usize) -> Self {
        Self { line, place, child: None }
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Io`]; [`ChaosError::Broken`] when it runs already.
    pub(crate) fn start(&mut self, specially: &Specially) -> Result<(), ChaosError> {
        if self.child.is_some() {
            return Err(ChaosError::broken("a node is started that runs"));
        }
        let mut words = self.line.words.clone();
        words.splice(self.place..self.place, specially.before.iter().cloned());
        let open = File::options().create(true).append(true).open(&self.line.log);
        let log = open.map_err(ChaosError::io(self.line.log.display().to_string()))?;
        let (program, arguments) =
            words.split_first().ok_or_else(|| ChaosError::broken("a line without words"))?;
        let mut command = Command::new(program);
        command.args(arguments).envs(self.line.settings.iter().cloned());
        command.envs(specially.settings.iter().cloned());
        // The end of its input ends it, should there be nobody left to do so.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().map_err(ChaosError::io(program))?);
        Ok(())
    }

    /// Its number for the system, while it runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        self.child.as_ref().and_then(|it| Pid::from_raw(it.id().cast_signed()))
    }

    /// Sends it a signal. One that does not run needs none.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), ChaosError> {
        let Some(pid) = self.pid() else { return Ok(()) };
        kill_process(pid, signal).map_err(|error| ChaosError::Io("a signal".into(), error.into()))
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, ChaosError> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait().map_err(ChaosError::io("a node"))?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    /// Waits until it has ended, and yields how; none when it does not end in time.
    pub(crate) fn end_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>, ChaosError> {
        for _ in 0..limit.as_millis() / LOOK.as_millis() {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            sleep(LOOK);
        }
        Ok(None)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // One that has ended is as good.
            child.kill().ok();
            child.wait().map(drop).ok();
        }
    }
}
