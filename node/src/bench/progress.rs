//! What a bench does now and how far it is, for people: drawn on a terminal, and nowhere else.

use std::borrow::Cow;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use tokio::time::{Instant, sleep, sleep_until};

/// Between two drawings of something that only takes time.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

/// How something looks whose end nobody knows, something of several items, and something that only takes
/// time.
const OPEN: &str = "{prefix}{msg} ...";
const COUNTED: &str = "{prefix}{msg} {wide_bar} {pos}/{len} {eta}";
const TIMED: &str = "{prefix}{msg} {wide_bar} {eta}";

/// What a bench does now. Clones draw the same line.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    line: ProgressBar,
}

impl Progress {
    /// Draws on the standard error stream if that is a terminal.
    pub(super) fn drawn() -> Self {
        if !io::stderr().is_terminal() {
            return Self::hidden();
        }
        Self::on(ProgressDrawTarget::stderr())
    }

    /// Draws nothing.
    pub(super) fn hidden() -> Self {
        Self { line: ProgressBar::hidden() }
    }

    /// Says of what everything is a part that begins from now on; empty for nothing.
    pub(super) fn within(&self, whole: impl Into<Cow<'static, str>>) {
        self.clear();
        self.line.set_prefix(whole);
    }

    /// Begins something whose end nobody knows.
    pub(super) fn begin(&self, what: impl Into<Cow<'static, str>>) {
        self.start(OPEN, what.into(), 0);
    }

    /// Begins something of so many items.
    pub(super) fn begin_items(&self, what: impl Into<Cow<'static, str>>, count: u64) {
        self.start(COUNTED, what.into(), count);
    }

    /// One item more is done.
    pub(super) fn advance(&self) {
        self.line.inc(1);
    }

    /// Sleeps, and shows for how long still.
    pub(super) async fn sleep(&self, what: impl Into<Cow<'static, str>>, lasting: Duration) {
        if self.line.is_hidden() {
            return sleep(lasting).await;
        }
        let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
        let began = Instant::now();
        self.start(TIMED, what.into(), millis(lasting));
        while began.elapsed() < lasting {
            sleep_until((Instant::now() + DRAWN_EVERY).min(began + lasting)).await;
            self.line.set_position(millis(began.elapsed()));
        }
    }

    /// Draws nothing until something begins.
    pub(super) fn clear(&self) {
        self.line.finish_and_clear();
    }

    /// Does what writes to the terminal, while the line is away.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.line.suspend(write)
    }

    fn start(&self, template: &str, what: Cow<'static, str>, length: u64) {
        let style = ProgressStyle::with_template(template).expect("the template is right");
        // What is half one thing and half the other is not drawn.
        self.clear();
        self.line.set_style(style);
        self.line.set_message(what);
        self.line.set_length(length);
        self.line.reset();
        self.line.force_draw();
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let line = ProgressBar::with_draw_target(Some(0), target);
        let progress = Self { line: line.with_finish(ProgressFinish::AndClear) };
        progress.clear();
        progress
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use indicatif::TermLike;

    use super::*;

    /// A terminal that passes on what is drawn on it.
    #[derive(Debug)]
    struct Paper(Sender<String>);

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.send(text.to_owned()).map_err(io::Error::other)
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn paper() -> (Progress, Receiver<String>) {
        let (sender, drawn) = channel();
        (Progress::on(ProgressDrawTarget::term_like(Box::new(Paper(sender)))), drawn)
    }

    #[test]
    fn people_see_what_is_done_and_how_far_it_is() {
        let (progress, drawn) = paper();
        let seen = || drawn.try_iter().collect::<String>();
        progress.within("round 1 of 2: ");
        assert_eq!(seen().trim(), "", "nothing has begun");
        progress.begin("starting 3 nodes");
        assert!(seen().contains("round 1 of 2: starting 3 nodes ..."));
        progress.within("");
        progress.begin_items("opening sockets", 7);
        progress.advance();
        progress.aside(|| assert!(seen().contains("opening sockets")));
        assert!(seen().contains(" 1/7 "));
        progress.clear();
        seen();
        progress.aside(|| ());
        assert_eq!(seen().trim(), "", "it is away");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_lasts_as_long_as_it_should_whether_or_not_it_is_drawn() {
        let (progress, drawn) = paper();
        for progress in [progress, Progress::hidden()] {
            let began = Instant::now();
            progress.sleep("measuring", Duration::from_millis(1_050)).await;
            assert_eq!(began.elapsed(), Duration::from_millis(1_050));
        }
        assert!(drawn.try_iter().collect::<String>().contains("measuring"));
    }
}
