//! Tokens of connections, which are cut off when theirs is not valid any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use raft::shared::Shared;
use tokio::time::sleep;

use crate::gateway::authentication::Doorkeeper;
use crate::gateway::channels::{End, Outbox};
use crate::gateway::problem::TOKEN_INVALID;

/// Between two looks at all tokens. What has not changed since costs no more than finding that out.
const PERIOD: Duration = Duration::from_secs(1);

/// Tokens that are verified at the same time.
const AT_ONCE: usize = 64;

/// The connections of this node that have a token. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Watchlist(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    doorkeeper: Doorkeeper,
    watched: Shared<Watched>,
}

#[derive(Default)]
struct Watched {
    all: BTreeMap<u64, (String, Arc<Outbox>)>,
    numbers: u64,
    is_running: bool,
}

/// A connection is watched until this is dropped.
#[derive(Debug)]
pub(super) struct Watching {
    list: Watchlist,
    number: u64,
}

impl Watchlist {
    /// Nobody is watched yet.
    pub(crate) fn new(doorkeeper: Doorkeeper) -> Self {
        Self(Arc::new(Inner { doorkeeper, watched: Shared::default() }))
    }

    /// Ends a connection when its token is not valid any more.
    pub(super) fn watch(&self, token: &str, outbox: &Arc<Outbox>) -> Watching {
        let (number, was_running) = self.0.watched.with(|watched| {
            watched.numbers += 1;
            watched.all.insert(watched.numbers, (token.to_owned(), Arc::clone(outbox)));
            (watched.numbers, std::mem::replace(&mut watched.is_running, true))
        });
        if !was_running {
            let home = self.0.doorkeeper.client.router().peers().home();
            home.spawn(self.clone().keep());
        }
        Watching { list: self.clone(), number }
    }

    /// Looks at all tokens now and then, as long as there are any.
    async fn keep(self) {
        loop {
            sleep(PERIOD).await;
            let all: Vec<_> = self.0.watched.with(|watched| {
                watched.is_running = !watched.all.is_empty();
                watched.all.values().cloned().collect()
            });
            if all.is_empty() {
                return;
            }
            for some in all.chunks(AT_ONCE) {
                join_all(some.iter().map(|(token, outbox)| self.verify(token, outbox))).await;
            }
        }
    }

    /// Ends a connection if its token is certainly not valid.
    async fn verify(&self, token: &str, outbox: &Outbox) {
        let verified = self.0.doorkeeper.identify(token).await;
        if verified.is_err_and(|problem| problem.class == TOKEN_INVALID) {
            outbox.end(End::Revoked);
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.list.0.watched.with(|watched| watched.all.remove(&self.number));
    }
}
