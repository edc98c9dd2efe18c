//! What this machine can do.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::wires;

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
    let mut command = Command::new("sh");
    let test = "sleep 5 & strace -qq -p $! -e trace=none -o /dev/null & sleep 0.5; kill %1; wait %2";
    let output = command.args(["-c", test]).output();
    let output = output.map_err(|error| format!("strace does not run: {error}"))?;
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
