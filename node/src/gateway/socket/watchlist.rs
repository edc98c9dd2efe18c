//! Tokens of connections, which are cut off when theirs is not valid any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use raft::shared::Shared;
use tokio::time::{Instant, sleep, timeout};

use crate::gateway::authentication::Doorkeeper;
use crate::gateway::channels::{End, Outbox};
use crate::gateway::problem::TOKEN_INVALID;

/// Between two looks at all tokens. What has not changed since costs no more than finding that out.
const PERIOD: Duration = Duration::from_secs(1);

/// How long that may take for one of them: where a shard has no leader, others are not to wait for it.
const VERIFY_MAX: Duration = Duration::from_secs(1);

/// Tokens that are verified at the same time.
const AT_ONCE: usize = 1_024;

/// How long a connection stays whose token nobody can verify: another node may hear of its account.
const UNVERIFIED_MAX: Duration = Duration::from_secs(5);

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
    all: BTreeMap<u64, Entry>,
    numbers: u64,
    is_running: bool,
}

#[derive(Clone)]
struct Entry {
    token: Arc<str>,
    outbox: Arc<Outbox>,
    /// Since when nobody can tell whether it is valid.
    unverified_since: Option<Instant>,
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
            let (token, outbox) = (token.into(), Arc::clone(outbox));
            watched.all.insert(watched.numbers, Entry { token, outbox, unverified_since: None });
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
            let times = if probe::mutant!(RevocationLate) { 60 } else { 1 };
            sleep(times * PERIOD).await;
            let all: Vec<_> = self.0.watched.with(|watched| {
                watched.is_running = !watched.all.is_empty();
                watched.all.iter().map(|(number, it)| (*number, it.clone())).collect()
            });
            if all.is_empty() {
                return;
            }
            let verify = |(number, entry)| self.verify(number, entry);
            stream::iter(all).for_each_concurrent(AT_ONCE, verify).await;
        }
    }

    /// Ends a connection if its token is certainly not valid, or nobody has been able to tell for long.
    async fn verify(&self, number: u64, entry: Entry) {
        let began = Instant::now();
        let verified = timeout(VERIFY_MAX, self.0.doorkeeper.identify(&entry.token)).await;
        let is_verified = match verified {
            Ok(Ok(_caller)) => true,
            Ok(Err(problem)) if problem.class == TOKEN_INVALID => {
                return entry.outbox.end(End::Revoked);
            }
            Ok(Err(_)) | Err(_) => false,
        };
        if is_verified && entry.unverified_since.is_none() {
            return;
        }
        let since = entry.unverified_since.unwrap_or(began);
        if !is_verified && since.elapsed() >= UNVERIFIED_MAX {
            return entry.outbox.end(End::Silent);
        }
        self.0.watched.with(|watched| {
            if let Some(entry) = watched.all.get_mut(&number) {
                entry.unverified_since = (!is_verified).then_some(since);
            }
        });
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.list.0.watched.with(|watched| watched.all.remove(&self.number));
    }
}
