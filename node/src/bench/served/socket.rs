//! Writes over a WebSocket, many at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::way::{ANSWER_MAX, NO_ANSWER, Told, Write, done, judge};
use super::wire::{connect, connect_securely};

/// What a node asks with whether a client is there, and what it is answered with.
const PING: &str = "{}";

/// Most writes that wait to be sent on a connection.
const WAITING_MAX: usize = 4_096;

/// Most commands of one frame.
const COMMANDS_MAX: usize = 64;

/// A write, and who waits for its answer.
type Asked = (Write, oneshot::Sender<Told>);

/// A connection to one node, that many use.
#[derive(Clone)]
pub(super) struct Socket {
    writes: mpsc::Sender<Asked>,
    /// What moves the bytes. It ends with the last clone.
    _connection: Arc<JoinSet<()>>,
}

impl Socket {
    /// Connects, and says who it is. A connection that breaks is not made anew.
    pub(super) async fn open(
        url: &str,
        token: &str,
        tls: Option<&TlsConnector>,
    ) -> Result<Self, String> {
        match tls {
            None => Self::on(connect(url).await?, token).await,
            Some(tls) => Self::on(connect_securely(url, tls).await?, token).await,
        }
    }

    async fn on<S>(mut wire: WebSocketStream<S>, token: &str) -> Result<Self, String>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let hello = json!({ "id": 1, "connect": { "token": token } }).to_string();
        wire.send(Message::text(hello)).await.map_err(|error| error.to_string())?;
        match timeout(ANSWER_MAX, wire.next()).await {
            Ok(Some(Ok(Message::Text(text)))) if text.contains("\"connect\"") => {}
            other => return Err(format!("the node does not say hello: {other:?}")),
        }
        let (sender, writes) = mpsc::channel(WAITING_MAX);
        let mut connection = JoinSet::new();
        connection.spawn(converse(wire, writes));
        Ok(Self { writes: sender, _connection: Arc::new(connection) })
    }

    /// Sends a write, and waits for the answer.
    pub(super) async fn write(&self, write: &Write) -> Told {
        let (sender, told) = oneshot::channel();
        if self.writes.send((write.clone(), sender)).await.is_err() {
            return Told::Again("no_connection".to_owned());
        }
        match timeout(ANSWER_MAX, told).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => Told::Again("connection_broken".to_owned()),
            Err(_late) => Told::Again(NO_ANSWER.to_owned()),
        }
    }
}

/// Sends what is to be written, and gives each reply to whoever waits for it, until one side has ended.
async fn converse<S>(mut wire: WebSocketStream<S>, mut writes: mpsc::Receiver<Asked>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut waiting, mut last) = (BTreeMap::new(), 1);
    loop {
        let mut some = Vec::new();
        let sent = tokio::select! {
            heard = wire.next() => match heard {
                Some(Ok(Message::Text(text))) if text.as_str() == PING => {
                    if wire.send(Message::text(PING)).await.is_err() {
                        return;
                    }
                    continue;
                }
                Some(Ok(Message::Text(text))) => {
                    if let Err(error) = hear(&text, &mut waiting) {
                        tracing::warn!(%error, "a node says what is no JSON");
                        return;
                    }
                    continue;
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
            count = writes.recv_many(&mut some, COMMANDS_MAX) => count,
        };
        if sent == 0 {
            return;
        }
        let mut frame = String::new();
        for (write, asks) in some {
            last += 1;
            frame.push_str(&command(last, &write));
            frame.push('\n');
            waiting.insert(last, asks);
        }
        if wire.send(Message::Text(Utf8Bytes::from(frame))).await.is_err() {
            return;
        }
    }
}

fn command(id: u64, write: &Write) -> String {
    let mut data = json!({ "number": write.probe, "value": write.value });
    if !write.key.is_empty() {
        data["idempotency_key"] = write.key.clone().into();
    }
    json!({ "id": id, "rpc": { "method": "WriteProbe", "data": data } }).to_string()
}

/// Gives each reply to whoever waits for it.
fn hear(
    frame: &str,
    waiting: &mut BTreeMap<u64, oneshot::Sender<Told>>,
) -> Result<(), serde_json::Error> {
    for line in frame.lines() {
        let reply: Value = serde_json::from_str(line)?;
        let Some(asks) = reply["id"].as_u64().and_then(|id| waiting.remove(&id)) else { continue };
        let told = match reply["error"]["message"].as_str() {
            Some(message) => judge(message.split(':').next().unwrap_or_default()),
            None => done(&reply["rpc"]["data"]),
        };
        // Whoever asked may have given up.
        asks.send(told).ok();
    }
    Ok(())
}
