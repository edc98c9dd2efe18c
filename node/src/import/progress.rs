//! Shows how far something is: a bar on a terminal, elsewhere a line every few seconds.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// Time between two lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far something is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Drawn again and again.
    Bar(ProgressBar),
    /// Written from time to time.
    Lines {
        /// What it does.
        name: &'static str,
        /// How many there are.
        count: usize,
        /// How many are done.
        done: usize,
        /// When the last line was written.
        written: Instant,
    },
}

impl Progress {
    /// Begins to show what does `count` items, of which `done` are done.
    pub(crate) fn new(name: &'static str, count: usize, done: usize) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { name, count, done, written: Instant::now() };
        }
        let template = "{prefix:8} {wide_bar} {pos}/{len} {per_sec} {eta}";
        let style = ProgressStyle::with_template(template).expect("the template is right");
        let bar = ProgressBar::new(count as u64).with_style(style).with_prefix(name);
        bar.set_position(done as u64);
        Self::Bar(bar)
    }

    /// One item more is done.
    pub(crate) fn advance(&mut self) {
        match self {
            Self::Bar(bar) => bar.inc(1),
            Self::Lines { name, count, done, written } => {
                *done += 1;
                if written.elapsed() >= LINE_EVERY {
                    *written = Instant::now();
                    eprintln!("{name}: {done} of {count}");
                }
            }
        }
    }

    /// All is done.
    pub(crate) fn finish(self) {
        match self {
            Self::Bar(bar) => bar.finish(),
            Self::Lines { name, count, .. } => eprintln!("{name}: {count} of {count}"),
        }
    }
}
