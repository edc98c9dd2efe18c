//! The connection to one peer: as long as there is something to say to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cluster::transport::{Class, NodeId};
use quinn::{Connection, ConnectionError, SendStream, TransportErrorCode, WriteError};
use raft::home::Home;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::endpoint::Inner;
use crate::hello::{Farewell, Purpose, say};
use crate::identity::name;
use crate::limits::{HELLO_MAX, IDLE_MAX, KEEP_ALIVE, PAUSE_MAX, PAUSE_MIN, WRITE_MAX};
use crate::queue::Queue;

/// Signs do not wait for messages.
const SIGN_PRIORITY: i32 = 3;

/// What waits for a peer, by class.
#[derive(Default)]
pub(crate) struct Outbox {
    queues: [Queue; Class::ALL.len()],
    /// In which life the peer has connected last.
    life: AtomicU64,
    /// That is another one than before.
    anew: Notify,
}

/// Why a connection is not used any more.
enum Over {
    /// It leads to a former life of the peer, which is there in another one.
    Former,
    /// In words.
    Lost(String),
}

impl Outbox {
    pub(crate) fn queue(&self, class: Class) -> &Queue {
        &self.queues[class as usize]
    }

    /// The peer has connected in another life than before: what leads to the one before leads nowhere.
    pub(crate) fn begins_anew(&self, life: u64) {
        self.life.store(life, Ordering::Release);
        self.anew.notify_one();
    }
}

/// Connects whenever there is something to say, for as long as the node lives.
pub(crate) async fn keep(inner: Arc<Inner>, peer: NodeId, outbox: Arc<Outbox>) {
    let mut attempt = 0;
    loop {
        wait_for_any(&outbox).await;
        let address = inner.address(peer);
        let met = tokio::select! {
            biased;
            // An attempt waits longer and longer between its packets. Another one gets through at once.
            () = outbox.anew.notified() => {
                attempt = 0;
                continue;
            }
            met = connect(&inner, peer, address.as_deref()) => met,
        };
        let over = match met {
            Ok((connection, life)) => {
                tracing::info!(peer = peer.0, address = %connection.remote_address(), "connected");
                let began = inner.home.now();
                let over = serve(&inner.home, (&connection, life), &outbox).await;
                // One that has ended at once was no better than none.
                if inner.home.now() - began >= PAUSE_MAX {
                    attempt = 0;
                }
                connection.close(Farewell::GoingDown.code(), Farewell::GoingDown.reason());
                over
            }
            Err(why) => Over::Lost(why),
        };
        // What was said to nobody is old by the time that somebody is there.
        let dropped: u64 = Class::ALL.iter().map(|class| outbox.queue(*class).clear()).sum();
        match over {
            Over::Former => {
                attempt = 0;
                tracing::info!(peer = peer.0, dropped, "it has begun anew");
            }
            Over::Lost(why) => {
                attempt += 1;
                let pause = pause(attempt, inner.home.seed());
                tracing::warn!(
                    peer = peer.0,
                    address,
                    why,
                    dropped,
                    ?pause,
                    attempt,
                    "not connected"
                );
                tokio::select! {
                    biased;
                    () = outbox.anew.notified() => attempt = 0,
                    () = inner.home.sleep(pause) => {}
                }
            }
        }
    }
}

async fn wait_for_any(outbox: &Outbox) {
    let [control, usual, bulk] = Class::ALL.map(|class| outbox.queue(class).wait());
    tokio::select! {
        biased;
        () = control => {}
        () = usual => {}
        () = bulk => {}
    }
}

async fn connect(
    inner: &Inner,
    peer: NodeId,
    address: Option<&str>,
) -> Result<(Connection, u64), String> {
    let address = address.ok_or("nobody knows where it is")?;
    dial(inner, address, &name(peer, &inner.label), Purpose::Messages).await
}

/// Connects to whoever has this name at an address, and says hello. Yields in which life it is, too.
pub(crate) async fn dial(
    inner: &Inner,
    address: &str,
    name: &str,
    purpose: Purpose,
) -> Result<(Connection, u64), String> {
    let met = async {
        let place = resolve(address).await?;
        let client = inner.client.with(|it| it.clone());
        let connecting = inner.endpoint.connect_with(client, place, name);
        let connecting = connecting.map_err(|error| error.to_string())?;
        let connection = connecting.await.map_err(|error| plain(&error))?;
        let (mut send, mut receive) =
            connection.open_bi().await.map_err(|error| error.to_string())?;
        match say((inner.life, purpose), (&mut send, &mut receive)).await {
            Ok(life) => Ok((connection, life)),
            Err(error) => {
                let why = refusal(&connection).unwrap_or_else(|| error.to_string());
                connection.close(error.farewell().code(), error.farewell().reason());
                Err(why)
            }
        }
    };
    let met = timeout(inner.home.true_time(HELLO_MAX), met).await;
    met.map_err(|_late| format!("{address} does not answer"))?
}

/// Why there is no connection, for people. TLS has an alert for each way to be somebody else.
fn plain(error: &ConnectionError) -> String {
    let is_alert = |code: TransportErrorCode, alerts: &[u8]| {
        alerts.iter().any(|it| code == TransportErrorCode::crypto(*it))
    };
    let ConnectionError::TransportError(reason) = error else { return error.to_string() };
    let what = match reason.code {
        code if is_alert(code, &[48, 51]) => "it has another secret, or is of another cluster",
        code if is_alert(code, &[42]) => "somebody else is there",
        code if is_alert(code, &[45]) => "its certificate is not good now: compare the clocks",
        _ => return error.to_string(),
    };
    format!("{what} ({reason})")
}

/// What the other side has said when it ended the connection.
fn refusal(connection: &Connection) -> Option<String> {
    connection.close_reason().map(|reason| reason.to_string())
}

async fn resolve(address: &str) -> Result<SocketAddr, String> {
    // A thread that looks names up is begun only for a name.
    if let Ok(place) = address.parse() {
        return Ok(place);
    }
    let found = tokio::net::lookup_host(address).await;
    let mut found = found.map_err(|error| format!("{address}: {error}"))?;
    found.next().ok_or_else(|| format!("{address} is the name of nothing"))
}

/// Writes what waits, each class on a stream of its own, until one of them fails.
async fn serve(home: &Home, (connection, life): (&Connection, u64), outbox: &Outbox) -> Over {
    let [control, usual, bulk] = Class::ALL.map(|class| write(connection, outbox, class));
    let why = tokio::select! {
        biased;
        () = former(outbox, life) => return Over::Former,
        why = control => why,
        why = usual => why,
        why = bulk => why,
        why = connection.closed() => why.to_string(),
        () = unheard(home, connection) => "nothing that is sent arrives".to_owned(),
    };
    Over::Lost(why)
}

/// Waits until a sign has not arrived for [`IDLE_MAX`]. Where only the way there is cut, the peer is heard
/// until the connection has ended at its side, and it would not count as idle here for long after that.
async fn unheard(home: &Home, connection: &Connection) {
    loop {
        home.sleep(KEEP_ALIVE).await;
        if timeout(home.true_time(IDLE_MAX), sign(connection)).await.is_err() {
            return;
        }
    }
}

/// Waits until the peer has connected in another life than this one. The new life refuses packets for the
/// former one, but hardly any are sent to whoever has not answered for a while.
async fn former(outbox: &Outbox, life: u64) {
    loop {
        outbox.anew.notified().await;
        if outbox.life.load(Ordering::Acquire) != life {
            return;
        }
    }
}

/// Sends a sign, and waits until it has arrived: a stream that ends before anything is on it.
async fn sign(connection: &Connection) -> Option<()> {
    let mut stream = connection.open_uni().await.ok()?;
    stream.set_priority(SIGN_PRIORITY).ok()?;
    stream.finish().ok()?;
    stream.stopped().await.ok().map(drop)
}

async fn write(connection: &Connection, outbox: &Outbox, class: Class) -> String {
    match write_all(connection, outbox.queue(class), class).await {
        Ok(never) => match never {},
        Err(why) => why,
    }
}

async fn write_all(
    connection: &Connection,
    queue: &Queue,
    class: Class,
) -> Result<std::convert::Infallible, String> {
    let told = |error: ConnectionError| error.to_string();
    // A stream begins with what is said first on it.
    queue.wait().await;
    let mut stream: SendStream = connection.open_uni().await.map_err(told)?;
    let priority = match class {
        Class::Control => 2,
        Class::Usual => 1,
        Class::Bulk => 0,
    };
    stream.set_priority(priority).map_err(|error| error.to_string())?;
    loop {
        let mut batch = queue.batch().await;
        let written = timeout(WRITE_MAX, stream.write_all_chunks(&mut batch)).await;
        let written = written.map_err(|_late| "it does not take anything in".to_owned())?;
        written.map_err(|error: WriteError| error.to_string())?;
    }
}

fn pause(attempt: u32, chance: u64) -> Duration {
    let pause = (PAUSE_MIN * 2_u32.saturating_pow(attempt.min(16) - 1)).min(PAUSE_MAX);
    // Half of it by chance, so that those who were cut off together do not come back together.
    pause / 2 + (pause / 2) * u32::try_from(chance % 1_024).expect("small") / 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_differ() {
        for (attempt, longest) in [(1, PAUSE_MIN), (2, 2 * PAUSE_MIN), (40, PAUSE_MAX)] {
            assert_eq!(pause(attempt, 0), longest / 2);
            let late = pause(attempt, 1_023);
            assert!(late > longest * 9 / 10 && late < longest, "{late:?} of {longest:?}");
        }
    }
}
