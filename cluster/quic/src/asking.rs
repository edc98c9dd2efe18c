//! Questions to whoever is at an address: before anybody has a number, and nobody knows who is where.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::transport::NodeId;
use quinn::{Connection, RecvStream, SendStream};
use tokio::time::timeout;

use crate::dialer::dial;
use crate::endpoint::Inner;
use crate::hello::{Farewell, Purpose};
use crate::identity::any_name;
use crate::limits::{QUESTION_BYTES_MAX, QUESTION_MAX};
use crate::tls::proved;

/// Asks whoever is at an address, and yields who that is, and the answer.
pub(crate) async fn ask(
    inner: &Inner,
    address: &str,
    question: Bytes,
    limit: Duration,
) -> Result<(NodeId, Bytes), String> {
    let asked = async {
        let name = any_name(&inner.label);
        let (connection, _life) = dial(inner, address, &name, Purpose::Question).await?;
        let answer = exchange(&connection, question).await;
        let node = proved(connection.peer_identity(), &inner.label);
        connection.close(Farewell::GoingDown.code(), Farewell::GoingDown.reason());
        Ok((node.ok_or("it is no node of this cluster")?, answer?))
    };
    let asked = timeout(inner.home.true_time(limit), asked).await;
    asked.map_err(|_late| format!("{address} does not answer in time"))?
}

async fn exchange(connection: &Connection, question: Bytes) -> Result<Bytes, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let (mut send, mut receive) = connection.open_bi().await.map_err(|it| told(&it))?;
    send.write_all(&question).await.map_err(|it| told(&it))?;
    send.finish().map_err(|it| told(&it))?;
    receive.read_to_end(QUESTION_BYTES_MAX).await.map(Bytes::from).map_err(|it| told(&it))
}

/// Answers the one question that somebody has connected for.
pub(crate) async fn answer(inner: &Arc<Inner>, connection: &Connection, from: NodeId) {
    let answered = timeout(QUESTION_MAX, async {
        let (send, receive) = connection.accept_bi().await.ok()?;
        reply(inner, from, (send, receive)).await
    });
    if answered.await.ok().flatten().is_none() {
        tracing::debug!(from = from.0, "a question was not answered");
    }
    // Whoever asked closes the connection when it has the answer.
    timeout(QUESTION_MAX, connection.closed()).await.ok();
}

async fn reply(
    inner: &Inner,
    from: NodeId,
    (mut send, mut receive): (SendStream, RecvStream),
) -> Option<()> {
    let Ok(question) = receive.read_to_end(QUESTION_BYTES_MAX).await else {
        // A stream that is only dropped looks as if it were a whole answer.
        return send.reset(Farewell::Malformed.code()).ok();
    };
    let answer = (inner.answer)(from, question.into()).await;
    send.write_all(&answer).await.ok()?;
    send.finish().ok()
}
