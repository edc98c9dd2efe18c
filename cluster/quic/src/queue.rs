//! What waits for a peer on one stream.

use std::collections::VecDeque;

use bytes::Bytes;
use raft::shared::Shared;
use tokio::sync::Notify;

use crate::frames::length;
use crate::limits::{BATCH_BYTES, BATCH_MESSAGES_MAX, QUEUE_BYTES_MAX};

/// Messages in order, up to [`QUEUE_BYTES_MAX`].
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Shared<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Bytes>,
    bytes: usize,
    dropped: u64,
}

impl Queue {
    /// Adds a message, or drops it when too much is waiting.
    pub(crate) fn push(&self, message: Bytes) {
        let is_taken = self.waiting.with(|waiting| {
            if waiting.bytes + message.len() > QUEUE_BYTES_MAX {
                waiting.dropped += 1;
                return false;
            }
            waiting.bytes += message.len();
            waiting.messages.push_back(message);
            true
        });
        if is_taken {
            self.news.notify_one();
        }
    }

    /// Waits until there is something.
    pub(crate) async fn wait(&self) {
        while self.waiting.with(|it| it.messages.is_empty()) {
            self.news.notified().await;
        }
    }

    /// The next messages with their lengths before them, as many as are written at once.
    pub(crate) async fn batch(&self) -> Vec<Bytes> {
        self.wait().await;
        self.waiting.with(|waiting| {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while bytes < BATCH_BYTES && batch.len() < 2 * BATCH_MESSAGES_MAX {
                let Some(message) = waiting.messages.pop_front() else { break };
                bytes += message.len();
                batch.extend([length(&message), message]);
            }
            waiting.bytes -= bytes;
            batch
        })
    }

    /// Bytes that wait.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.waiting.with(|waiting| waiting.bytes)
    }

    /// Drops all that waits: nobody is there to get it. Yields how many messages were dropped since the
    /// last time, those that found no room among them.
    pub(crate) fn clear(&self) -> u64 {
        self.waiting.with(|waiting| {
            let dropped = waiting.dropped + waiting.messages.len() as u64;
            *waiting = Waiting::default();
            dropped
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_leave_in_order_and_together() {
        let queue = Queue::default();
        for n in 0..3_u8 {
            queue.push(vec![n; 30_000].into());
        }
        let batch = queue.batch().await;
        assert_eq!(
            batch.iter().map(Bytes::len).collect::<Vec<_>>(),
            [4, 30_000, 4, 30_000, 4, 30_000]
        );
        queue.push(Bytes::from_static(b"last"));
        assert_eq!(queue.batch().await[1], "last");
    }

    #[tokio::test]
    async fn what_finds_no_room_is_dropped() {
        let queue = Queue::default();
        let large = Bytes::from(vec![0; QUEUE_BYTES_MAX / 2]);
        for _ in 0..3 {
            queue.push(large.clone());
        }
        assert_eq!(queue.batch().await.len(), 2);
        queue.push(large);
        assert_eq!(queue.clear(), 3, "one that found no room, two that waited");
        assert_eq!(queue.clear(), 0);
    }
}
