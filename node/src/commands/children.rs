//! The processes of `roost dev`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// Pause before a node that has ended is started again: long enough to see that the others go on.
pub(super) const RESTART_PAUSE: Duration = Duration::from_secs(3);

/// How long a node may take to end when it is told to.
const STOP_MAX: Duration = Duration::from_secs(20);

/// Bytes of its log that are shown of a node that does not start.
const SHOWN_BYTES: usize = 600;

/// A node to be kept running.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) name: String,
    /// What `roost` is called with.
    pub(super) arguments: Vec<OsString>,
    /// Where it logs to.
    pub(super) log: PathBuf,
}

/// What became of a node.
#[derive(Debug)]
pub(super) enum Event {
    /// It serves clients.
    Serves { name: String, pid: u32, address: String },
    /// It has ended, and is started again soon.
    Ended { name: String, how: String },
    /// It has ended before it served: it is not started again.
    Failed { name: String, said: String },
}

/// Keeps a node running until `stop` says so.
pub(super) async fn keep(
    spec: Spec,
    events: mpsc::Sender<Event>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let name = || spec.name.clone();
    loop {
        let (mut child, mut said) = start(&spec)?;
        // Held here: the process ends when it is let go, and waiting for it would let it go.
        let leash = child.stdin.take();
        let pid = child.id().unwrap_or_default();
        let served = tokio::select! {
            address = address(&mut said) => address?,
            () = told_to_stop(&mut stop) => return end(child).await,
        };
        let Some(address) = served else {
            child.wait().await?;
            let event = Event::Failed { name: name(), said: last_said(&spec.log) };
            return told(events.send(event).await);
        };
        told(events.send(Event::Serves { name: name(), pid, address }).await)?;
        let how = tokio::select! {
            status = child.wait() => status?,
            () = told_to_stop(&mut stop) => return end(child).await,
        };
        drop(leash);
        told(events.send(Event::Ended { name: name(), how: how.to_string() }).await)?;
        tokio::select! {
            () = sleep(RESTART_PAUSE) => {}
            () = told_to_stop(&mut stop) => return Ok(()),
        }
    }
}

async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // Whoever could say so is gone: that says as much.
    stop.wait_for(|it| *it).await.map(drop).ok();
}

/// Whoever listened is gone, and so is the need to tell.
fn told(sent: Result<(), mpsc::error::SendError<Event>>) -> io::Result<()> {
    sent.map_err(io::Error::other)
}

fn start(spec: &Spec) -> io::Result<(Child, Lines<BufReader<ChildStdout>>)> {
    let log = File::options().create(true).append(true).open(&spec.log)?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(&spec.arguments)
        // Its end tells the child that nobody looks after it any more.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    let said = child.stdout.take().expect("it is piped");
    Ok((child, BufReader::new(said).lines()))
}

/// Where a node serves clients, as it says; none if it ends before.
async fn address(said: &mut Lines<BufReader<ChildStdout>>) -> io::Result<Option<String>> {
    while let Some(line) = said.next_line().await? {
        if let Some(rest) = line.strip_prefix("roost serves ") {
            return Ok(rest.split(' ').next().map(str::to_owned));
        }
    }
    Ok(None)
}

async fn end(mut child: Child) -> io::Result<()> {
    let pid = child.id().and_then(|it| Pid::from_raw(it.cast_signed()));
    if let Some(pid) = pid {
        // One that has ended needs no signal.
        kill_process(pid, Signal::TERM).ok();
    }
    match timeout(STOP_MAX, child.wait()).await {
        Ok(ended) => ended.map(drop),
        Err(_late) => child.kill().await,
    }
}

fn last_said(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = &text[text.len().saturating_sub(SHOWN_BYTES)..];
    let text = String::from_utf8_lossy(text);
    let last = text.lines().last().unwrap_or_default();
    format!("{} (see {})", last.trim_start_matches("roost: "), log.display())
}
