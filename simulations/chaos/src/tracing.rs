//! A process whose calls to the system strace answers, or delays.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::ChaosError;

/// strace at work. It lets the process go when this is dropped.
#[derive(Debug)]
pub(crate) struct Traced(Child);

impl Traced {
    /// Follows all threads of a process, and does to its fsyncs what the expressions say. What it sees of
    /// them is written to a file.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Io`]
    pub(crate) fn start(pid: Pid, file: &Path, expressions: &[&str]) -> Result<Self, ChaosError> {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-p", &pid.as_raw_nonzero().to_string(), "-o"]).arg(file);
        command.args(["-e", "trace=fsync,fdatasync"]);
        for expression in expressions {
            command.args(["-e", expression]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Self).map_err(ChaosError::io("strace"))
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // Not killed: it has to let go of what it follows. It may have ended already.
        if let Some(pid) = Pid::from_raw(self.0.id().cast_signed()) {
            kill_process(pid, Signal::TERM).ok();
        }
        self.0.wait().map(drop).ok();
    }
}
