//! One connection, from its first frame to its last.

use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::http::{Method, Uri};
use bytes::Bytes;
use entity::{Caller, Id, Problem};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until, timeout};

use super::client::{Client, Unverified};
use super::command::{Command, KEY_FIELD};
use super::reply::{
    BAD_REQUEST, Disconnect, INVALID_TOKEN, NO_PONG, NOT_NOW, PING, SHUTDOWN, SLOW, STALE,
    connected, no_method, replied,
};
use super::upgrade::{
    CONNECT_MAX, FRAME_BYTES, PING_PERIOD, PONG_MAX, RPC_BYTES, RPCS_MAX, WRITE_MAX,
};
use crate::gateway::Gateway;
use crate::gateway::authentication::Doorkeeper;
use crate::gateway::driver::Drive;
use crate::gateway::endpoint::Endpoint;
use crate::gateway::envelope::{Arrival, Panicked, caught};
use crate::gateway::idempotency::{IdempotencyKey, checked_key, fingerprint, scope};
use crate::gateway::problem::{IDEMPOTENCY_KEY_INVALID, INTERNAL, OVERLOADED};
use crate::gateway::server::Connection;

/// A connection.
pub(super) struct Session {
    gateway: Arc<Gateway>,
    /// Held until the session is over.
    connection: Arc<Connection>,
    id: Id,
    /// Who has said who it is.
    client: Option<Client>,
    /// Requests that are served.
    running: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// Bytes of them.
    running_bytes: usize,
    is_ending: bool,
    /// When the client is asked next whether it is there, or has to have answered.
    ping_at: Instant,
    is_pinged: bool,
}

/// A request that is served.
struct Answered {
    /// Of the request.
    bytes: usize,
    reply: Result<String, Disconnect>,
}

/// What happens next.
enum Event {
    Heard(Option<Result<Message, axum::Error>>),
    Replied(Answered),
    Due,
    Ending,
}

impl Session {
    pub(super) fn new(gateway: Arc<Gateway>, connection: Arc<Connection>, id: Id) -> Self {
        Self {
            gateway,
            connection,
            id,
            client: None,
            running: FuturesUnordered::new(),
            running_bytes: 0,
            is_ending: false,
            ping_at: Instant::now() + CONNECT_MAX,
            is_pinged: false,
        }
    }

    /// Serves until one side has had enough. Requests that are not answered then may or may not have
    /// happened, as when any connection breaks.
    pub(super) async fn serve(mut self, mut socket: WebSocket) {
        let Err(disconnect) = self.talk(&mut socket).await else { return };
        let Disconnect { code, reason } = disconnect;
        tracing::debug!(request = %self.id, code, reason, "a socket is closed");
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // Who does not read it does not need it.
        timeout(WRITE_MAX, socket.send(close)).await.map(drop).ok();
    }

    async fn talk(&mut self, socket: &mut WebSocket) -> Result<(), Disconnect> {
        loop {
            // What was begun is answered before the end.
            if self.is_ending && self.running.is_empty() {
                return Err(SHUTDOWN);
            }
            let has_room = self.running.len() < RPCS_MAX && self.running_bytes < RPC_BYTES;
            let event = tokio::select! {
                Some(answered) = self.running.next() => Event::Replied(answered),
                said = socket.recv(), if has_room && !self.is_ending => Event::Heard(said),
                () = sleep_until(self.ping_at) => Event::Due,
                () = self.connection.ended(), if !self.is_ending => Event::Ending,
            };
            let replies = match event {
                Event::Heard(Some(Ok(Message::Text(text)))) => self.heard(text.as_bytes()).await?,
                Event::Heard(Some(Ok(Message::Binary(_)))) => return Err(BAD_REQUEST),
                // The protocol below answers these by itself.
                Event::Heard(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => String::new(),
                Event::Heard(Some(Ok(Message::Close(_)) | Err(_)) | None) => return Ok(()),
                Event::Replied(answered) => self.gather(answered)?,
                Event::Due => self.due()?.to_owned(),
                Event::Ending => {
                    self.is_ending = true;
                    String::new()
                }
            };
            if !replies.is_empty() {
                let sent = timeout(WRITE_MAX, socket.send(Message::Text(replies.into()))).await;
                if sent.map_err(|_late| SLOW)?.is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// The reply, and those that are there already.
    fn gather(&mut self, Answered { bytes, reply }: Answered) -> Result<String, Disconnect> {
        self.running_bytes -= bytes;
        let mut replies = reply?;
        while replies.len() < FRAME_BYTES
            && let Some(Some(Answered { bytes, reply })) = self.running.next().now_or_never()
        {
            self.running_bytes -= bytes;
            replies.push('\n');
            replies.push_str(&reply?);
        }
        Ok(replies)
    }

    /// Time has come: for a ping, or for the end.
    fn due(&mut self) -> Result<&'static str, Disconnect> {
        if self.client.is_none() {
            return Err(STALE);
        }
        if self.is_pinged {
            return Err(NO_PONG);
        }
        self.is_pinged = true;
        self.ping_at = Instant::now() + PONG_MAX;
        Ok(PING)
    }

    /// Does what a frame says. Yields what is to be said at once.
    async fn heard(&mut self, frame: &[u8]) -> Result<String, Disconnect> {
        let lines = frame.split(|it| *it == b'\n').filter(|it| !it.is_empty());
        let mut replies = String::new();
        for line in lines {
            let command = Command::read(line).map_err(|problem| {
                tracing::debug!(request = %self.id, detail = problem.detail, "no command");
                BAD_REQUEST
            })?;
            let reply = match command {
                Command::Pong => None,
                Command::Connect { id, token } => Some(self.connect(id, token).await?),
                Command::Rpc { id, method, data } => self.rpc(id, &method, data, line.len())?,
            };
            replies.extend(reply.map(|it| if replies.is_empty() { it } else { format!("\n{it}") }));
        }
        if self.client.is_some() {
            (self.is_pinged, self.ping_at) = (false, Instant::now() + PING_PERIOD);
        }
        Ok(replies)
    }

    async fn connect(&mut self, id: u64, token: String) -> Result<String, Disconnect> {
        if self.client.is_some() {
            return Err(BAD_REQUEST);
        }
        let mut client = Client::new(&self.gateway, token);
        client.verified(&self.gateway).await.map_err(|why| match why {
            Unverified::Invalid => INVALID_TOKEN,
            Unverified::Later(_) => NOT_NOW,
        })?;
        self.client = Some(client);
        Ok(connected(id))
    }

    /// Begins to serve a request, if there is a route for it.
    fn rpc(
        &mut self,
        id: u64,
        method: &str,
        data: Map<String, Value>,
        bytes: usize,
    ) -> Result<Option<String>, Disconnect> {
        let gateway = Arc::clone(&self.gateway);
        let client = self.client.as_mut().ok_or(BAD_REQUEST)?;
        let verified = client.verified(&gateway);
        let Some(endpoint) = gateway.endpoints.get(method).cloned() else {
            return Ok(Some(no_method(id)));
        };
        if self.running.len() >= RPCS_MAX {
            let detail = format!("A connection has at most {RPCS_MAX} requests at once.");
            return Ok(Some(replied(id, Err(OVERLOADED.because(detail)))));
        }
        let arrival = Arrival::new(&gateway, None);
        let running = async move {
            let served = async {
                match verified.await {
                    Ok(caller) => Ok(serve(&gateway, &endpoint, arrival, caller, data).await),
                    Err(Unverified::Later(problem)) => Ok(Err(problem)),
                    Err(Unverified::Invalid) => Err(INVALID_TOKEN),
                }
            };
            let answer = match caught(served).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(disconnect)) => return Answered { bytes, reply: Err(disconnect) },
                Err(panicked) => Err(panicked),
            };
            let answer = answer.unwrap_or_else(|Panicked| {
                tracing::error!(request = %arrival.id, "a request panicked");
                Err(INTERNAL.because("A defect stopped the request. Report it."))
            });
            let status = answer.as_ref().map_or_else(|it| it.class.status, |_| 200);
            gateway.metrics.answered(endpoint.route.name, status, arrival.at.elapsed());
            arrival.log(format_args!("rpc {}", endpoint.route.name), status);
            Answered { bytes, reply: Ok(replied(id, answer)) }
        };
        self.running.push(running.boxed());
        self.running_bytes += bytes;
        Ok(None)
    }
}

async fn serve(
    gateway: &Gateway,
    endpoint: &Endpoint,
    arrival: Arrival,
    caller: Caller,
    mut data: Map<String, Value>,
) -> Result<Value, Problem> {
    Doorkeeper::check(endpoint.route.access, &caller)?;
    let key = key(endpoint, &caller, &mut data)?;
    let input = endpoint.input_of(data)?;
    let (deadline, trace) = (arrival.deadline, arrival.trace);
    gateway.driver.run(Drive { route: &endpoint.route, input, caller, key, deadline, trace }).await
}

/// The key of the request, if it has one and could change something. The same request over HTTP is
/// another one: nobody repeats a request by other means.
fn key(
    endpoint: &Endpoint,
    caller: &Caller,
    data: &mut Map<String, Value>,
) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(text) = data.remove(KEY_FIELD) else { return Ok(None) };
    let text = text.as_str().ok_or_else(|| {
        IDEMPOTENCY_KEY_INVALID.because(format!("The field {KEY_FIELD} has to be a text."))
    })?;
    let text = checked_key(text)?;
    if endpoint.route.method == entity::Method::Get {
        return Ok(None);
    }
    let said = Bytes::from(Value::Object(data.clone()).to_string());
    let uri = Uri::try_from(format!("/{}", endpoint.route.name)).expect("names are plain ASCII");
    let fingerprint = fingerprint(&Method::CONNECT, &uri, &said);
    Ok(Some(IdempotencyKey { scope: scope(caller, &text), text, fingerprint }))
}
