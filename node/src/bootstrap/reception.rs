//! What a node that runs tells those that ask, and where it believes the others to be.

use std::sync::Arc;

use bytes::Bytes;
use cluster::meta::NodeRecord;
use cluster::meta::api::Join;
use cluster::transport::NodeId;
use quic::endpoint::{Addresses, Answer as Answering};
use raft::shared::Shared;
use runtime::meta;
use runtime::router::Router;

use super::presence::{Answer, Presence, Question, Stage, decode, encode, record};
use crate::assembly::Founding;

/// Answers questions to a node's address. Clones are the same.
#[derive(Clone)]
pub struct Reception(Arc<Inner>);

struct Inner {
    me: Presence,
    founding: Option<Founding>,
    /// Once the node runs.
    router: Shared<Option<Router>>,
}

impl Reception {
    /// For a node that is this one. Those that found the cluster are known before anything else is.
    pub fn new(me: Presence, founding: Option<Founding>) -> Self {
        Self(Arc::new(Inner { me, founding, router: Shared::default() }))
    }

    /// The node runs.
    pub fn open(&self, router: Router) {
        self.0.router.with(|it| *it = Some(router));
    }

    /// Where nodes are: as the cluster has it, or as those that founded it had.
    pub fn addresses(&self) -> Addresses {
        let inner = Arc::clone(&self.0);
        Arc::new(move |node| inner.address(node))
    }

    /// Answers those that ask.
    pub fn answer(&self) -> Answering {
        let inner = Arc::clone(&self.0);
        Arc::new(move |_, question| {
            let inner = Arc::clone(&inner);
            Box::pin(async move { inner.answer(question).await })
        })
    }
}

impl Inner {
    fn router(&self) -> Option<Router> {
        self.router.with(|it| it.clone())
    }

    fn address(&self, node: NodeId) -> Option<String> {
        let known = self.router().and_then(|it| it.roster().nodes.get(&node).cloned());
        let known = known.map(|it| it.address).filter(|it| !it.is_empty());
        let place = usize::try_from(node.0).ok().and_then(|it| it.checked_sub(1));
        known.or_else(|| Some(self.founding.as_ref()?.founders.get(place?)?.address.clone()))
    }

    async fn answer(&self, question: Bytes) -> Bytes {
        encode(&match decode(&question) {
            Ok(Question::Who) => Answer::Here(self.presence()),
            Ok(Question::Join(newcomer)) => match self.join(record(&newcomer)).await {
                Ok(number) => Answer::Joined(number.0),
                Err(why) => Answer::Refused(why),
            },
            Err(why) => Answer::Refused(why),
        })
    }

    fn presence(&self) -> Presence {
        let is_founded = self.router().is_some_and(|it| it.roster().cluster.incarnation > 0);
        let founding = self.founding.clone().filter(|_| !is_founded);
        let stage = founding.map_or(Stage::Founded, Stage::Founding);
        Presence { stage, ..self.me.clone() }
    }

    async fn join(&self, node: NodeRecord) -> Result<NodeId, String> {
        let router = self.router().ok_or("this node has not begun yet")?;
        let joined = meta::once(&router, "join", &Join { node }).await;
        joined.map_err(|error| error.to_string())
    }
}
