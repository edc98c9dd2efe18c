//! Sees to it that the cluster knows this node, and where it is.

use std::time::Duration;

use cluster::meta::NodeRecord;
use cluster::meta::api::{Found, Join, JoinError};
use cluster::transport::NodeId;
use entity::Refusal;
use runtime::meta::{self, MetaError};
use runtime::router::Router;

use super::presence::record;
use crate::assembly::{Founder, Founding};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Between two looks whether the cluster still knows where this node is.
const PERIOD: Duration = Duration::from_secs(5);

/// What a node has to say.
pub struct Announcement {
    /// Its number.
    pub number: NodeId,
    /// As which it stands there. An address that is empty is the one from last time.
    pub me: Founder,
    /// The cluster, by its name.
    pub cluster: String,
    /// How it is founded. None on a node that has joined.
    pub founding: Option<Founding>,
}

/// Founds the cluster together with the others, if there is none yet; then keeps what it knows of this
/// node true. Ends when the cluster has no place for the program of this node, and says why.
pub async fn announce(router: Router, said: Announcement) -> String {
    let home = router.peers().home().clone();
    let found = said.founding.as_ref().map(|it| {
        let nodes = it.founders.iter().map(record).collect();
        Found { name: said.cluster.clone(), shards: it.shards, copies: it.copies, nodes }
    });
    while router.roster().cluster.incarnation == 0 {
        if let Some(found) = &found
            && let Err(error) = meta::once(&router, "found", found).await
        {
            tracing::info!(%error, "the cluster is not founded yet");
        }
        home.sleep(PAUSE).await;
    }
    loop {
        if let Some(node) = changed(&router, said.number, &said.me) {
            match meta::once(&router, "join", &Join { node }).await {
                Ok(_) => {}
                Err(MetaError::Refused(JoinError::TooOld)) => {
                    return JoinError::TooOld.problem().detail;
                }
                Err(error) => {
                    tracing::warn!(%error, "the cluster does not know yet where this node is");
                }
            }
        }
        home.sleep(PERIOD).await;
    }
}

/// What the cluster should know of this node, if that is something else than it does. Its share of the
/// shards is an operator's business from then on.
fn changed(router: &Router, number: NodeId, me: &Founder) -> Option<NodeRecord> {
    let cluster = router.roster();
    let Some(known) = cluster.nodes.get(&number) else {
        // Without such a node this one has not heard yet that it has joined.
        if cluster.nodes.iter().any(|(other, it)| *other > number && it.name == me.name) {
            tracing::error!(
                number = number.0,
                "another node of this name has taken the place of this one: start it with another \
                 name and an empty folder"
            );
        }
        return None;
    };
    let mut wanted = NodeRecord { weight: known.weight, ..record(me) };
    if wanted.address.is_empty() {
        wanted.address.clone_from(&known.address);
    }
    (wanted != *known).then_some(wanted)
}
