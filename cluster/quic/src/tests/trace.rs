//! What happens in a simulation, line by line.

use std::fmt;
use std::io;
use std::sync::Arc;

use raft::shared::Shared;
use tokio::time::Instant;
use tracing::Level;
use tracing::subscriber::DefaultGuard;

/// Everything that has happened so far. Clones are the same.
#[derive(Clone)]
pub(super) struct Trace(Arc<Inner>);

struct Inner {
    began: Instant,
    lines: Shared<Vec<String>>,
}

impl Trace {
    /// Nothing has happened. Begins now, by the clock of the simulation.
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner { began: Instant::now(), lines: Shared::default() }))
    }

    /// Something happens.
    pub(super) fn note(&self, what: impl fmt::Display) {
        let micros = self.0.began.elapsed().as_micros();
        self.0.lines.with(|lines| lines.push(format!("{micros} {what}")));
    }

    /// Notes what nodes log, for as long as the guard lives.
    pub(super) fn listen(&self) -> DefaultGuard {
        let trace = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .with_ansi(false)
            .without_time()
            .with_writer(move || Pen(trace.clone()))
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lines.with(|lines| lines.clone())
    }

    /// How many lines hold all of these.
    pub(super) fn count(&self, parts: &[&str]) -> usize {
        let holds = |line: &&String| parts.iter().all(|part| line.contains(part));
        self.0.lines.with(|lines| lines.iter().filter(holds).count())
    }
}

/// Takes lines of the log.
struct Pen(Trace);

impl io::Write for Pen {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.note(String::from_utf8_lossy(line).trim());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
