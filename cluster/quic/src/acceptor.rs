//! Connections of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cluster::transport::NodeId;
use quinn::{Connection, Incoming, RecvStream};
use tokio::time::timeout;

use crate::asking::answer;
use crate::endpoint::Inner;
use crate::frames::Frames;
use crate::hello::{Farewell, Hello, Purpose, hear};
use crate::identity::NEWCOMER;
use crate::limits::{HELLO_MAX, STRANGERS_MAX, STRANGERS_TRUSTED};
use crate::tls::proved;

/// Most bytes taken from a stream at once.
const READ_BYTES: usize = 256 * 1024;

/// Takes connections for as long as the node lives.
pub(crate) async fn accept(inner: Arc<Inner>) {
    while let Some(incoming) = inner.endpoint.accept().await {
        let strangers = inner.strangers.load(Ordering::Relaxed);
        if strangers >= STRANGERS_MAX {
            incoming.refuse();
        } else if strangers >= STRANGERS_TRUSTED && !incoming.remote_address_validated() {
            // Whoever made up its address never comes back.
            if let Err(error) = incoming.retry() {
                error.into_incoming().refuse();
            }
        } else {
            let stranger = Stranger::new(&inner);
            let home = inner.home.clone();
            home.spawn(meet(Arc::clone(&inner), incoming, stranger));
        }
    }
}

/// A connection that has not said who it is.
struct Stranger(Arc<Inner>);

impl Stranger {
    fn new(inner: &Arc<Inner>) -> Self {
        inner.strangers.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(inner))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let strangers: &AtomicUsize = &self.0.strangers;
        strangers.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn meet(inner: Arc<Inner>, incoming: Incoming, stranger: Stranger) {
    let address = incoming.remote_address();
    let met = timeout(inner.home.true_time(HELLO_MAX), introduce(&inner, incoming)).await;
    drop(stranger);
    match met {
        Ok(Ok((connection, node, Hello { purpose: Purpose::Question, .. }))) => {
            answer(&inner, &connection, node).await;
        }
        Ok(Ok((connection, NEWCOMER, _))) => {
            connection.close(Farewell::Stranger.code(), Farewell::Stranger.reason());
            inner.refusals.refused(address, "a newcomer sends messages", &inner.home);
        }
        Ok(Ok((connection, node, Hello { life, .. }))) => {
            tracing::info!(peer = node.0, %address, "has connected");
            inner.arrived(node, life, &connection);
            listen(&inner, &connection, node).await;
        }
        Ok(Err(why)) => inner.refusals.refused(address, &why, &inner.home),
        Err(_late) => inner.refusals.refused(address, "it does not say who it is", &inner.home),
    }
}

/// Yields who is there, and what it has said.
async fn introduce(
    inner: &Inner,
    incoming: Incoming,
) -> Result<(Connection, NodeId, Hello), String> {
    let connection = incoming.await.map_err(|error| error.to_string())?;
    let Some(node) = proved(connection.peer_identity(), &inner.label) else {
        connection.close(Farewell::Stranger.code(), Farewell::Stranger.reason());
        return Err("its certificate names no node of this cluster".to_owned());
    };
    let (mut send, mut receive) =
        connection.accept_bi().await.map_err(|error| error.to_string())?;
    match hear(inner.life, (&mut send, &mut receive)).await {
        Ok(hello) => Ok((connection, node, hello)),
        Err(error) => {
            connection.close(error.farewell().code(), error.farewell().reason());
            Err(format!("node {}: {error}", node.0))
        }
    }
}

/// Reads every stream of a connection, until it ends.
async fn listen(inner: &Arc<Inner>, connection: &Connection, node: NodeId) {
    while let Ok(stream) = connection.accept_uni().await {
        let (inner, connection) = (Arc::clone(inner), connection.clone());
        let home = inner.home.clone();
        home.spawn(async move {
            if let Err(why) = read(&inner, stream, node).await {
                tracing::warn!(peer = node.0, why, "a stream of another node");
                connection.close(Farewell::Malformed.code(), Farewell::Malformed.reason());
            }
        });
    }
}

async fn read(inner: &Inner, mut stream: RecvStream, node: NodeId) -> Result<(), String> {
    let mut frames = Frames::default();
    loop {
        // A connection that ends is noticed, and mended, by whoever has something to say.
        let Ok(Some(chunk)) = stream.read_chunk(READ_BYTES, true).await else { return Ok(()) };
        frames.push(&chunk.bytes);
        while let Some(message) = frames
            .next()
            .map_err(|too_long| format!("it claims a message of {} bytes", too_long.bytes))?
        {
            (inner.deliver)(node, message);
        }
    }
}
