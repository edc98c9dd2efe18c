//! What goes wrong while a bench goes on: lines on the standard error stream.

use std::io::{self, Write};

use super::progress::Progress;

/// What is shown: this program says what people have to know, what it is made of says more.
const SHOWN: &str = "node=warn";

/// Shows from now on what goes wrong, without disturbing what is drawn.
pub(super) fn show(progress: &Progress) {
    let progress = progress.clone();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(SHOWN)
        .with_writer(move || Lines(progress.clone()))
        .with_ansi(false)
        .with_target(false)
        .without_time();
    // Whoever listens already hears it as well.
    lines.try_init().ok();
}

/// Lines beside what is drawn.
struct Lines(Progress);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.aside(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
