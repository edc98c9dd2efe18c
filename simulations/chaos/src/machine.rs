//! What this machine can do.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::wires;

/// How long strace has to say that it may not follow a process.
const TRACE_PATIENCE: Duration = Duration::from_millis(300);

/// Whether a program is there.
///
/// # Errors
///
/// That it is not.
pub(crate) fn has(program: &str) -> Result<(), String> {
    let mut command = Command::new("sh");
    command.args(["-c", r#"command -v "$0""#, program]).stdout(Stdio::null());
    let is_there = command.status().is_ok_and(|it| it.success());
    if is_there { Ok(()) } else { Err(format!("there is no {program}")) }
}

/// Whether strace can follow processes that others have started.
///
/// # Errors
///
/// Why not.
pub(crate) fn can_trace() -> Result<(), String> {
    has("strace")?;
    let started = |error| format!("strace cannot be tried: {error}");
    let mut followed = Command::new("sleep").arg("60").spawn().map_err(started)?;
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "-p", &followed.id().to_string()]);
    let strace = command.stderr(Stdio::piped()).spawn().map_err(started);
    sleep(TRACE_PATIENCE);
    // Whoever followed it ends with it.
    followed.kill().and_then(|()| followed.wait()).map_err(started)?;
    let output = strace?.wait_with_output().map_err(started)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let refused = said.lines().find(|it| it.starts_with("strace:"));
    refused.map_or(Ok(()), |it| Err(it.to_owned()))
}

/// Whether file systems and networks of one's own can be made: that is so between the wires.
///
/// # Errors
///
/// Why not.
pub(crate) fn has_wires() -> Result<(), String> {
    if wires::is_here() {
        return Ok(());
    }
    wires::possible()?;
    Err("this is not run between the wires".to_owned())
}

/// The library that makes clocks wrong.
///
/// # Errors
///
/// That there is none.
pub(crate) fn faketime() -> Result<PathBuf, String> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let files = folders.map(|it| it.path().join("faketime/libfaketimeMT.so.1"));
    files.into_iter().find(|it| it.exists()).ok_or_else(|| "there is no libfaketime".to_owned())
}
