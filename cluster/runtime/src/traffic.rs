//! What clients have of a node, as whoever serves them counts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use entity::data;

/// What clients have had of a node since it began.
#[data]
#[derive(Default)]
pub struct Traffic {
    /// Requests that were answered.
    pub requests: u64,
    /// Those among them that failed for no reason of the client's: statuses from 500 on.
    pub errors: u64,
    /// Items that were pushed to clients that follow a channel.
    pub deliveries: u64,
    /// Sockets that are open now.
    pub sockets: u64,
}

/// Counts it.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    errors: AtomicU64,
    deliveries: AtomicU64,
    sockets: AtomicU64,
}

/// A socket that is open until this is dropped.
#[derive(Debug)]
pub struct OpenSocket(Arc<Counters>);

impl Counters {
    /// A request was answered with this status of HTTP.
    pub fn answered(&self, status: u16) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if status >= 500 {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So many items were pushed to a client.
    pub fn delivered(&self, items: u64) {
        self.deliveries.fetch_add(items, Ordering::Relaxed);
    }

    /// A socket is opened.
    pub fn opened(self: &Arc<Self>) -> OpenSocket {
        self.sockets.fetch_add(1, Ordering::Relaxed);
        OpenSocket(Arc::clone(self))
    }

    /// What was counted so far.
    pub fn traffic(&self) -> Traffic {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            requests: of(&self.requests),
            errors: of(&self.errors),
            deliveries: of(&self.deliveries),
            sockets: of(&self.sockets),
        }
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_that_clients_can_do_nothing_about() {
        let counters = Arc::new(Counters::default());
        for status in [200, 204, 404, 499, 500, 503] {
            counters.answered(status);
        }
        let (one, _other) = (counters.opened(), counters.opened());
        drop(one);
        counters.delivered(3);
        let expected = Traffic { requests: 6, errors: 2, deliveries: 3, sockets: 1 };
        assert_eq!(counters.traffic(), expected);
    }
}
