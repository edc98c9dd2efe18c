//! Nodes that come and go, as clients see them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::http::Http;
use super::way::{NO_ANSWER, Told, Way, Write};

/// How long a client waits for an answer before it asks another node, under the same key.
const PATIENCE: Duration = Duration::from_millis(250);

/// Pause of a client before it tries again.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// The nodes, wherever they are.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    /// Who operates them.
    pub(super) token: String,
    /// Where they serve clients now.
    pub(super) urls: watch::Receiver<Vec<String>>,
}

impl Nodes {
    /// Sends a write to the node whose turn it is. `ways` are those that the client has used before.
    pub(super) async fn attempt(
        &self,
        ways: &mut BTreeMap<String, Way>,
        turn: u64,
        write: &Write,
    ) -> Told {
        let url = {
            let urls = self.urls.borrow();
            let at = turn.checked_rem(urls.len() as u64).and_then(|it| usize::try_from(it).ok());
            at.and_then(|at| urls.get(at)).cloned()
        };
        let Some(url) = url else { return Told::Again("no_node".to_owned()) };
        let new = || Way::Http(Http::new(&url, &self.token));
        let way = ways.entry(url.clone()).or_insert_with(new);
        match timeout(PATIENCE, way.write(write)).await {
            Ok(told) => told,
            Err(_late) => {
                ways.remove(&url);
                Told::Again(NO_ANSWER.to_owned())
            }
        }
    }
}
