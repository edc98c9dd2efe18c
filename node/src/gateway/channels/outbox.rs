//! What waits for one connection.

use std::sync::Arc;

use entity::Offset;
use raft::shared::Shared;
use tokio::sync::Notify;

/// Something for a connection that follows a channel.
#[derive(Clone, Debug)]
pub(crate) enum Push {
    /// An item, as the line that the connection sends.
    Item {
        /// Of which channel.
        channel: Arc<str>,
        /// Its position.
        offset: Offset,
        /// The line.
        line: Arc<str>,
    },
    /// How something is now, as the line that the connection sends: what was said of it before is of no
    /// use any more.
    State {
        /// Of which channel.
        channel: Arc<str>,
        /// The line.
        line: Arc<str>,
    },
    /// Items may have been missed: the client has to subscribe again, from where it was.
    Lost {
        /// Of which channel.
        channel: Arc<str>,
    },
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The connection has let too much gather.
    Slow,
    /// Its token is not valid any more.
    Revoked,
    /// This node does not hear of what it follows: another one may.
    Silent,
}

/// Pushes in order, up to so many bytes.
#[derive(Debug)]
pub(crate) struct Outbox {
    bytes_max: usize,
    waiting: Shared<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    pushes: Vec<Push>,
    bytes: usize,
    end: Option<End>,
}

impl Push {
    /// Of which channel it is.
    pub(crate) fn channel(&self) -> &Arc<str> {
        match self {
            Self::Item { channel, .. } | Self::State { channel, .. } | Self::Lost { channel } => {
                channel
            }
        }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Item { line, .. } | Self::State { line, .. } => line.len(),
            Self::Lost { channel } => channel.len(),
        }
    }
}

impl Waiting {
    /// Drops what a push stands in for.
    fn make_way(&mut self, push: &Push) {
        let Push::State { channel, .. } = push else { return };
        let is_old = |it: &Push| matches!(it, Push::State { channel: of, .. } if of == channel);
        for old in self.pushes.extract_if(.., |it| is_old(it)) {
            self.bytes -= old.bytes();
        }
    }
}

impl Outbox {
    /// Nothing waits yet. Whoever lets more than so many bytes gather gets no more.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, waiting: Shared::default(), news: Notify::new() }
    }

    /// Adds something, unless the connection has had its end.
    pub(crate) fn push(&self, mut push: Push) {
        if matches!(push, Push::Item { .. }) && probe::buggify!(FollowedAgain) {
            push = Push::Lost { channel: Arc::clone(push.channel()) };
        }
        let is_cut = probe::buggify!(SocketCut);
        self.waiting.with(|waiting| {
            if waiting.end.is_some() {
                return;
            }
            waiting.make_way(&push);
            waiting.bytes += push.bytes();
            if waiting.bytes > self.bytes_max || is_cut {
                *waiting = Waiting { end: Some(End::Slow), ..Waiting::default() };
            } else {
                waiting.pushes.push(push);
            }
            probe::bound!(
                "bytes that wait for a connection",
                waiting.pushes.iter().map(Push::bytes).sum::<usize>(),
                self.bytes_max
            );
        });
        self.news.notify_one();
    }

    /// Nothing more comes.
    pub(crate) fn end(&self, end: End) {
        self.waiting.with(|it| it.end = it.end.or(Some(end)));
        self.news.notify_one();
    }

    /// Waits for something, and takes all that there is.
    ///
    /// # Errors
    ///
    /// Why nothing more comes.
    pub(crate) async fn take(&self) -> Result<Vec<Push>, End> {
        loop {
            let taken = self.waiting.with(|waiting| {
                if let Some(end) = waiting.end {
                    return Err(end);
                }
                waiting.bytes = 0;
                Ok(std::mem::take(&mut waiting.pushes))
            })?;
            if !taken.is_empty() {
                return Ok(taken);
            }
            self.news.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(offset: u64, bytes: usize) -> Push {
        Push::Item { channel: "c".into(), offset: Offset(offset), line: "x".repeat(bytes).into() }
    }

    #[tokio::test]
    async fn whoever_reads_slowly_gets_the_newest_state() {
        let outbox = Outbox::new(100);
        let state = |channel: &str, line: &str| {
            let line = format!("{line}{}", " ".repeat(100 / 3));
            outbox.push(Push::State { channel: channel.into(), line: line.into() });
        };
        for line in ["one", "two", "three"] {
            state("a", line);
        }
        outbox.push(item(1, 1));
        state("b", "one");
        state("a", "four");
        let taken = outbox.take().await.expect("it fits");
        let lines = taken.iter().filter_map(|it| match it {
            Push::Item { line, .. } | Push::State { line, .. } => Some(line.trim_end()),
            Push::Lost { .. } => None,
        });
        assert_eq!(lines.collect::<Vec<_>>(), ["x", "one", "four"]);
    }

    #[tokio::test]
    async fn whoever_lets_too_much_gather_gets_nothing_more() {
        let outbox = Outbox::new(100);
        outbox.push(item(1, 100));
        assert_eq!(outbox.take().await.expect("it fits").len(), 1);
        outbox.push(item(2, 100));
        outbox.push(item(3, 1));
        assert_eq!(outbox.take().await.expect_err("it does not"), End::Slow);
        outbox.push(item(4, 1));
        outbox.end(End::Revoked);
        assert_eq!(outbox.take().await.expect_err("for good"), End::Slow);
    }
}
