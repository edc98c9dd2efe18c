//! Somebody wants a bench to end before it is done.

use std::{io, process};

use tokio::signal::unix::{SignalKind, signal};

use super::progress::Progress;

/// What shells add to the number of the signal that has ended a process.
const ENDED_BY_SIGNAL: i32 = 128;

/// Does what is asked for, until Ctrl-C or SIGTERM. Those end the process, once everything is gone that
/// was started for it.
pub(super) async fn unless_stopped<T>(
    bench: impl Future<Output = T>,
    progress: &Progress,
) -> io::Result<T> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let kind = tokio::select! {
        // The nodes that were started are told to end as well: what the bench makes of that is no figure.
        biased;
        _ = interrupted.recv() => SignalKind::interrupt(),
        _ = terminated.recv() => SignalKind::terminate(),
        done = bench => return Ok(done),
    };
    progress.clear();
    process::exit(ENDED_BY_SIGNAL + kind.as_raw_value())
}
