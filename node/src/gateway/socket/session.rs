//! One connection, from its first frame to its last.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::http::{Method, Uri};
use bytes::Bytes;
use entity::{Caller, Id, Offset, Problem};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, SinkExt, StreamExt};
use runtime::traffic::OpenSocket;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until, timeout};

use super::client::{Client, Unverified, is_of_use};
use super::command::{Command, KEY_FIELD, Position};
use super::reply::{
    ALREADY_SUBSCRIBED, BAD_REQUEST, Disconnect, INVALID_TOKEN, LIMIT_EXCEEDED, METHOD_NOT_FOUND,
    NO_PONG, NOT_AVAILABLE, NOT_NOW, PING, SHUTDOWN, SLOW, STALE, UNKNOWN_CHANNEL, connected, done,
    lost, refreshed, refused, replied, subscribed,
};
use super::subscription::{Due, Held, History, Subscription, begin, read_history};
use super::upgrade::{
    CONNECT_MAX, FRAME_BYTES, PING_PERIOD, PONG_MAX, RPC_BYTES, RPCS_MAX, SUBSCRIPTIONS_MAX,
    WRITE_MAX,
};
use super::watchlist::Watching;
use crate::gateway::Gateway;
use crate::gateway::authentication::Doorkeeper;
use crate::gateway::channels::{CHANNEL_BYTES_MAX, End, Membership, Outbox, Push};
use crate::gateway::driver::Drive;
use crate::gateway::endpoint::Endpoint;
use crate::gateway::envelope::{Arrival, Panicked, caught};
use crate::gateway::hall::Connection;
use crate::gateway::idempotency::{IdempotencyKey, checked_key, fingerprint, scope};
use crate::gateway::problem::{IDEMPOTENCY_KEY_INVALID, INTERNAL, OVERLOADED};

/// A connection.
pub(super) struct Session {
    gateway: Arc<Gateway>,
    /// Held until the session is over.
    connection: Arc<Connection>,
    _counted: OpenSocket,
    id: Id,
    /// Who has said who it is.
    client: Option<Client>,
    /// Requests that are served.
    running: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// Bytes of them.
    running_bytes: usize,
    /// What comes from channels.
    outbox: Arc<Outbox>,
    subscriptions: BTreeMap<String, Subscription>,
    /// Bytes that may still be held back while subscriptions begin.
    room: usize,
    /// Counts them from 1.
    joins: u64,
    /// Ends the connection when its token is not valid any more.
    watching: Option<Watching>,
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
    /// The channel that is followed from now on, or is not.
    joined: Option<Joined>,
}

/// What became of a subscription.
struct Joined {
    channel: String,
    number: u64,
    begun: Option<(Offset, Membership)>,
}

/// What happens next.
enum Event {
    Heard(Option<Result<Message, axum::Error>>),
    Replied(Answered),
    Pushed(Result<Vec<Push>, End>),
    Due,
    Ending,
}

impl Session {
    pub(super) fn new(gateway: Arc<Gateway>, connection: Arc<Connection>, id: Id) -> Self {
        let room = gateway.knobs.outbox_bytes_max;
        let outbox = Arc::new(Outbox::new(room));
        Self {
            _counted: gateway.client.node().counters().opened(),
            gateway,
            connection,
            id,
            client: None,
            running: FuturesUnordered::new(),
            running_bytes: 0,
            outbox,
            subscriptions: BTreeMap::new(),
            room,
            joins: 0,
            watching: None,
            is_ending: false,
            ping_at: Instant::now() + CONNECT_MAX,
            is_pinged: false,
        }
    }

    /// Serves until one side has had enough. Requests that are not answered then may or may not have
    /// happened, as when any connection breaks.
    pub(super) async fn serve(mut self, mut socket: WebSocket) {
        let Err(disconnect) = self.talk(&mut socket).await else {
            // The answer to a farewell. Who is gone does not need it.
            return timeout(WRITE_MAX, socket.flush()).await.map(drop).unwrap_or_default();
        };
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
                pushed = self.outbox.take() => Event::Pushed(pushed),
                () = sleep_until(self.ping_at) => Event::Due,
                () = self.connection.ended(), if !self.is_ending => Event::Ending,
            };
            let replies = match event {
                Event::Heard(Some(Ok(Message::Text(text)))) => self.heard(text.as_bytes()).await?,
                Event::Heard(Some(Ok(Message::Binary(_)))) => return Err(BAD_REQUEST),
                // The protocol below answers these by itself.
                Event::Heard(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => String::new(),
                Event::Heard(Some(Ok(Message::Close(_))) | None) => return Ok(()),
                Event::Heard(Some(Err(error))) => {
                    return Disconnect::of(&error).map_or(Ok(()), Err);
                }
                Event::Replied(answered) => self.gather(answered)?,
                Event::Pushed(Ok(pushes)) => self.pushed(pushes),
                Event::Pushed(Err(end)) => return Err(Disconnect::when(end)),
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
    fn gather(&mut self, first: Answered) -> Result<String, Disconnect> {
        let (mut replies, mut next) = (String::new(), Some(first));
        while let Some(Answered { bytes, reply, joined }) = next {
            self.running_bytes -= bytes;
            add(&mut replies, &reply?);
            if let Some(joined) = joined {
                self.joined(joined, &mut replies);
            }
            let is_full = replies.len() >= FRAME_BYTES;
            next = if is_full { None } else { self.running.next().now_or_never().flatten() };
        }
        Ok(replies)
    }

    /// A channel is followed, or is not; what was held back comes behind the reply.
    fn joined(&mut self, joined: Joined, replies: &mut String) {
        let Joined { channel, number, begun } = joined;
        // The client may have left it meanwhile, and come back.
        let is_it = |it: &Subscription| matches!(it, Subscription::Joining { number: n, .. } if *n == number);
        if !self.subscriptions.get(&channel).is_some_and(is_it) {
            return;
        }
        let Some(Subscription::Joining { held, .. }) = self.leave(&channel) else { return };
        if let Some((position, membership)) = begun {
            let live = Subscription::Live { position, _membership: membership };
            self.subscriptions.insert(channel, live);
            add(replies, &self.pushed(held.pushes));
        }
    }

    /// Follows a channel no more.
    fn leave(&mut self, channel: &str) -> Option<Subscription> {
        let left = self.subscriptions.remove(channel);
        self.room += left.as_ref().map_or(0, Subscription::held_bytes);
        left
    }

    /// What is to be sent of what was pushed.
    fn pushed(&mut self, pushes: Vec<Push>) -> String {
        let (mut lines, mut items) = (String::new(), 0);
        for push in pushes {
            let channel = Arc::clone(push.channel());
            let is_item = matches!(push, Push::Item { .. });
            let Some(subscription) = self.subscriptions.get_mut(&*channel) else { continue };
            match subscription.pushed(push, &mut self.room) {
                Due::Nothing => {}
                Due::Line(line) => {
                    items += u64::from(is_item);
                    add(&mut lines, &line);
                }
                Due::Lost => {
                    self.subscriptions.remove(&*channel);
                    add(&mut lines, &lost(&channel));
                }
            }
        }
        self.gateway.client.node().counters().delivered(items);
        lines
    }

    /// Time has come: for a ping, or for the end.
    fn due(&mut self) -> Result<&'static str, Disconnect> {
        if self.client.is_none() {
            return Err(STALE);
        }
        if self.is_pinged {
            return Err(NO_PONG);
        }
        is_of_use(&self.gateway)?;
        self.is_pinged = true;
        self.ping_at = Instant::now() + PONG_MAX;
        Ok(PING)
    }

    /// Does what a frame says. Yields what is to be said at once.
    async fn heard(&mut self, frame: &[u8]) -> Result<String, Disconnect> {
        is_of_use(&self.gateway)?;
        let lines = frame.split(|it| *it == b'\n').filter(|it| !it.is_empty());
        let mut replies = String::new();
        for line in lines {
            let command = Command::read(line).map_err(|problem| {
                tracing::debug!(request = %self.id, detail = problem.detail, "no command");
                BAD_REQUEST
            })?;
            let reply = match command {
                Command::Pong | Command::Send => None,
                Command::Connect { id, token } => Some(self.connect(id, token).await?),
                _ if self.client.is_none() => return Err(BAD_REQUEST),
                Command::Refresh { id, token } => Some(self.refresh(id, token).await?),
                Command::Rpc { id, method, data } => self.rpc(id, &method, data, line.len())?,
                Command::Ping { id } => Some(done(id, "ping")),
                Command::Unserved { id } => Some(refused(id, NOT_AVAILABLE)),
                Command::Subscribe { id, channel, since } => {
                    self.subscribe(id, channel, since, line.len())?
                }
                Command::Unsubscribe { id, channel } => {
                    self.leave(&channel);
                    Some(done(id, "unsubscribe"))
                }
                Command::History { id, channel, limit, since, is_reverse } => {
                    let wanted = History { id, channel, limit, since, is_reverse };
                    self.history(wanted, line.len())?
                }
            };
            if let Some(reply) = reply {
                add(&mut replies, &reply);
            }
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
        let mut client = Client::new(&self.gateway, token.clone());
        client.verified(&self.gateway).await.map_err(|why| match why {
            Unverified::Invalid => INVALID_TOKEN,
            Unverified::Later(_) => NOT_NOW,
        })?;
        self.client = Some(client);
        self.watch(&token);
        let way = self.gateway.client.router();
        let known = way.roster();
        let node = known.nodes.get(&way.peers().me()).map(|it| it.name.as_str());
        let client = self.gateway.driver.ports.id();
        Ok(connected(id, client, node.unwrap_or_default()))
    }

    /// The client has another token of the same account.
    async fn refresh(&mut self, id: u64, token: String) -> Result<String, Disconnect> {
        let before = self.caller().await?;
        let mut client = Client::new(&self.gateway, token.clone());
        match client.verified(&self.gateway).await {
            Ok(caller) if caller == before => {}
            Ok(_) | Err(Unverified::Invalid) => return Err(INVALID_TOKEN),
            Err(Unverified::Later(_)) => return Err(NOT_NOW),
        }
        self.client = Some(client);
        self.watch(&token);
        Ok(refreshed(id))
    }

    /// Who is connected.
    async fn caller(&mut self) -> Result<Caller, Disconnect> {
        let client = self.client.as_mut().ok_or(BAD_REQUEST)?;
        client.verified(&self.gateway).await.map_err(|why| match why {
            Unverified::Invalid => INVALID_TOKEN,
            Unverified::Later(_) => NOT_NOW,
        })
    }

    fn watch(&mut self, token: &str) {
        if !token.is_empty() {
            self.watching = Some(self.gateway.watchlist.watch(token, &self.outbox));
        }
    }

    /// Begins to follow a channel.
    fn subscribe(
        &mut self,
        id: u64,
        channel: String,
        since: Option<Position>,
        bytes: usize,
    ) -> Result<Option<String>, Disconnect> {
        if channel.is_empty() || channel.len() > CHANNEL_BYTES_MAX {
            return Ok(Some(refused(id, UNKNOWN_CHANNEL)));
        }
        if self.subscriptions.contains_key(&channel) {
            return Ok(Some(refused(id, ALREADY_SUBSCRIBED)));
        }
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX || self.running.len() >= RPCS_MAX {
            return Ok(Some(refused(id, LIMIT_EXCEEDED)));
        }
        self.joins += 1;
        let number = self.joins;
        let joining = Subscription::Joining { number, held: Held::default() };
        self.subscriptions.insert(channel.clone(), joining);
        let (gateway, outbox) = (Arc::clone(&self.gateway), Arc::clone(&self.outbox));
        let begin = move |caller| async move {
            let begun = begin(&gateway.hub, &channel, &caller, &outbox, since).await;
            let (reply, begun) = match begun {
                Ok(begun) => (subscribed(id, &begun), Some((begun.position(), begun.membership))),
                Err(code) => (refused(id, code), None),
            };
            (reply, Some(Joined { channel, number, begun }))
        };
        self.work(bytes, begin)
    }

    /// Begins to read the past of a channel.
    fn history(&mut self, wanted: History, bytes: usize) -> Result<Option<String>, Disconnect> {
        if self.running.len() >= RPCS_MAX {
            return Ok(Some(refused(wanted.id, LIMIT_EXCEEDED)));
        }
        let gateway = Arc::clone(&self.gateway);
        let read = move |caller| async move {
            let read = read_history(&gateway.hub, &caller, &wanted).await;
            (read.unwrap_or_else(|code| refused(wanted.id, code)), None)
        };
        self.work(bytes, read)
    }

    /// Does something for the client once it is known who that is.
    fn work<W, F>(&mut self, bytes: usize, work: W) -> Result<Option<String>, Disconnect>
    where
        W: FnOnce(Caller) -> F + Send + 'static,
        F: Future<Output = (String, Option<Joined>)> + Send + 'static,
    {
        let client = self.client.as_mut().ok_or(BAD_REQUEST)?;
        let verified = client.verified(&self.gateway);
        let running = async move {
            let (reply, joined) = match verified.await {
                Ok(caller) => {
                    let (reply, joined) = work(caller).await;
                    (Ok(reply), joined)
                }
                Err(Unverified::Later(_)) => (Err(NOT_NOW), None),
                Err(Unverified::Invalid) => (Err(INVALID_TOKEN), None),
            };
            Answered { bytes, reply, joined }
        };
        self.running.push(running.boxed());
        self.running_bytes += bytes;
        Ok(None)
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
            return Ok(Some(refused(id, METHOD_NOT_FOUND)));
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
                Ok(Err(disconnect)) => {
                    return Answered { bytes, reply: Err(disconnect), joined: None };
                }
                Err(panicked) => Err(panicked),
            };
            let answer = answer.unwrap_or_else(|Panicked| {
                tracing::error!(request = %arrival.id, "a request panicked");
                Err(INTERNAL.because("A defect stopped the request. Report it."))
            });
            let status = answer.as_ref().map_or_else(|it| it.class.status, |_| 200);
            gateway.metrics.answered(endpoint.route.name, status, arrival.at.elapsed());
            arrival.log(format_args!("rpc {}", endpoint.route.name), status);
            Answered { bytes, reply: Ok(replied(id, answer)), joined: None }
        };
        self.running.push(running.boxed());
        self.running_bytes += bytes;
        Ok(None)
    }
}

/// Adds a line to a frame.
fn add(frame: &mut String, line: &str) {
    if !frame.is_empty() && !line.is_empty() {
        frame.push('\n');
    }
    frame.push_str(line);
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
    let drive = Drive { caller, key, deadline, trace };
    gateway.driver.run(&drive, |cx| endpoint.route.run(input.clone(), cx)).await
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
