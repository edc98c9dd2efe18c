//! Sockets that follow channels, spread over all nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::future::join_all;
use tokio::task::JoinSet;

use super::reader::{Reader, Received};
use super::target::{Cluster, ServedError};
use crate::bench::progress::Progress;
use crate::import::Account;

/// How many are opened at the same time, on one node.
const OPENING: usize = 64;

/// Sockets that follow channels.
pub(super) struct Audience {
    readers: JoinSet<Received>,
    received: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Audience {
    /// Opens a socket for each of these people, that follows a channel.
    pub(super) async fn open(
        cluster: &Cluster,
        people: &[Account],
        channel: impl Fn(&Account) -> String,
        progress: &Progress,
    ) -> Result<Self, ServedError> {
        progress.begin_items("opening sockets", people.len() as u64);
        let (received, is_over) = (Arc::default(), Arc::default());
        let mut audience = Self { readers: JoinSet::new(), received, is_over };
        for (some, url) in people.chunks(OPENING).zip(cluster.map.urls.values().cycle()) {
            let opening = some.iter().map(|it| {
                let channel = channel(it);
                async move { Reader::open(url, &it.token, &channel).await }
            });
            for reader in join_all(opening).await {
                let reader = reader.map_err(ServedError::Other)?;
                let (received, is_over) =
                    (Arc::clone(&audience.received), Arc::clone(&audience.is_over));
                audience.readers.spawn(reader.read(received, is_over));
                progress.advance();
            }
        }
        Ok(audience)
    }

    /// How much has come.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Closes all of them; yields what has come to each.
    pub(super) async fn leave(self) -> Vec<Received> {
        self.is_over.store(true, Ordering::Relaxed);
        self.readers.join_all().await
    }
}
