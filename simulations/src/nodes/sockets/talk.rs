//! One connection of a device, from the handshake to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use cluster::transport::NodeId;
use entity::Time;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::deed::{Deed, Told};
use super::device::Device;
use super::pipe::Pipe;
use super::seen::{Begun, Known, Position};
use super::topic::Topic;
use crate::nodes::cluster::Phase;
use crate::workloads::crew::holds;

/// How long the handshake may take, and a frame until it has left.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long nothing may come from a node that was asked.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// How long nothing may come from a node that says when it is silent: its pings, and some time.
const SILENCE_MAX: Duration = Duration::from_secs(37);

/// How long a request of a device may take: its node gives up earlier.
const RPC_MAX: Duration = Duration::from_secs(15);

/// The longest that a device does not look what is to be done.
const TICK: Duration = Duration::from_millis(500);

/// A connection.
pub(super) struct Talk {
    node: NodeId,
    /// Names commands.
    ids: u64,
    asked: BTreeMap<u64, Asked>,
    live: BTreeSet<Topic>,
    /// When a channel is followed again that could not be.
    again: BTreeMap<Topic, Instant>,
    /// Whether it has begun without a token.
    is_nobody: bool,
    is_welcome: bool,
    opened: Instant,
    heard: Instant,
    ping_at: Instant,
    leave_at: Option<Instant>,
    hop_at: Option<Instant>,
    stall_at: Option<Instant>,
    /// What was asked for in vain, and when it is asked for again.
    look_at: Instant,
}

/// What a command asked for.
enum Asked {
    Connect,
    Ping,
    Topic {
        topic: Topic,
        since: Option<Position>,
        at: Time,
    },
    /// To follow a channel no more. What still comes of it is for nobody.
    Left(Topic),
    /// Something that is not wanted any more.
    Nothing,
    Deed {
        at: Instant,
    },
    Look {
        at: Instant,
    },
}

/// Why a connection is over.
enum End {
    /// It is broken, or one side has had enough.
    Over,
    /// The session of the device is over.
    Out,
    /// Something is wrong.
    Wrong(String),
}

type Wire = WebSocketStream<Pipe>;

impl Talk {
    pub(super) fn new(device: &mut Device, node: NodeId) -> Self {
        let now = Instant::now();
        let faults = device.sockets.plan.faults.clone();
        let is_faulty = device.phase() == Phase::Faults;
        let mut once = |mean: Option<Duration>| {
            let mean = mean.filter(|_| is_faulty)?;
            let micros = u64::try_from(mean.as_micros()).expect("seconds");
            Some(now + device.chance.lasting(0..=2 * micros))
        };
        let (leave_at, hop_at, stall_at) =
            (once(faults.leave), once(faults.hop), once(faults.stall));
        Self {
            node,
            ids: 0,
            asked: BTreeMap::new(),
            live: BTreeSet::new(),
            again: BTreeMap::new(),
            is_nobody: device.token.is_empty(),
            is_welcome: false,
            opened: now,
            heard: now,
            ping_at: now + device.ping_period.unwrap_or(SILENCE_MAX),
            leave_at,
            hop_at,
            stall_at,
            look_at: now,
        }
    }

    /// Talks until the connection is over.
    ///
    /// # Errors
    ///
    /// What the node did wrong.
    pub(super) async fn hold(mut self, device: &mut Device, pipe: Pipe) -> Result<(), String> {
        let request = "ws://roost/connection/websocket";
        let shaken = timeout(PATIENCE, client_async(request, pipe)).await;
        let Ok(Ok((mut wire, _))) = shaken else { return Ok(()) };
        let Err(end) = self.talk(device, &mut wire).await;
        device.sockets.idle.borrow_mut()[device.number] = false;
        device.look = None;
        match end {
            End::Over => Ok(()),
            End::Out => {
                device.log_in_again();
                Ok(())
            }
            End::Wrong(what) => Err(format!("node {}: {what}", self.node.0)),
        }
    }

    async fn talk(&mut self, device: &mut Device, wire: &mut Wire) -> Result<Infallible, End> {
        let connect = json!({ "connect": { "token": device.token } });
        let connect = self.command(connect, Asked::Connect);
        self.say(device, wire, vec![connect]).await?;
        loop {
            let lines = self.due(device)?;
            self.say(device, wire, lines).await?;
            if device.hand.as_ref().is_some_and(|it| it.is_http && it.at <= Instant::now()) {
                device.exchange().await;
            }
            self.stall(device).await;
            let next = self.next(device);
            tokio::select! {
                biased;
                heard = wire.next() => {
                    let lines = match heard {
                        Some(Ok(message)) => self.heard(device, &message)?,
                        Some(Err(_)) | None => return Err(End::Over),
                    };
                    self.say(device, wire, lines).await?;
                }
                () = sleep_until(next) => {}
            }
        }
    }

    /// Reads nothing for a while.
    async fn stall(&mut self, device: &mut Device) {
        let is_due = self.stall_at.is_some_and(|at| at <= Instant::now());
        if is_due && !device.is_out() && device.phase() == Phase::Faults {
            self.stall_at = None;
            sleep(device.chance.lasting(10_000..=15_000_000)).await;
            self.heard = Instant::now();
        }
    }

    /// What is to be said now.
    fn due(&mut self, device: &mut Device) -> Result<Vec<Value>, End> {
        let now = Instant::now();
        if now >= self.silent_until(device) {
            device.sockets.count(|it| it.silent += 1);
            return Err(End::Over);
        }
        // Whoever has learned who it is comes back as that.
        let is_somebody_else = self.is_nobody && !device.token.is_empty();
        let is_leaving =
            device.phase() == Phase::Faults && self.leave_at.is_some_and(|at| at <= now);
        if is_leaving || is_somebody_else {
            return Err(End::Over);
        }
        let mut lines = Vec::new();
        if !self.is_welcome {
            return Ok(lines);
        }
        if !device.token.is_empty() {
            lines.extend(self.hop(device));
            lines.extend(Topic::ALL.into_iter().filter_map(|it| self.follow(device, it)));
        }
        device.take_up();
        lines.extend(self.ask(device));
        lines.extend(self.look(device));
        if now >= self.ping_at && device.ping_period.is_some() {
            self.ping_at = now + device.ping_period.unwrap_or(SILENCE_MAX);
            lines.push(self.command(json!({ "ping": {} }), Asked::Ping));
        }
        device.sockets.idle.borrow_mut()[device.number] = self.is_idle(device);
        Ok(lines)
    }

    /// Whether everything is done, and everything is followed.
    fn is_idle(&self, device: &Device) -> bool {
        let is_free = device.hand.is_none() && device.look.is_none() && device.out_at.is_none();
        let is_following = device.token.is_empty() || self.live.len() == Topic::ALL.len();
        let sees = !device.with_seen(Topic::Feed, |it| it.is_blind);
        let is_told = device.sockets.todo.borrow()[device.number].is_empty();
        is_free && is_following && sees && is_told
    }

    /// Leaves a channel, if that is to be done now, whether it is followed by now or not.
    fn hop(&mut self, device: &mut Device) -> Option<Value> {
        self.hop_at.filter(|at| *at <= Instant::now() && device.phase() == Phase::Faults)?;
        self.hop_at = None;
        let topic = *device.chance.pick(&Topic::ALL);
        let owner = device.sockets.owner(device.user, topic)?;
        self.live.remove(&topic);
        for asked in self.asked.values_mut().filter(|it| it.is_for(topic)) {
            *asked = Asked::Nothing;
        }
        let leave = json!({ "unsubscribe": { "channel": topic.channel(owner) } });
        Some(self.command(leave, Asked::Left(topic)))
    }

    /// Follows a channel, if that is to be done now.
    fn follow(&mut self, device: &mut Device, topic: Topic) -> Option<Value> {
        let is_asked = self.asked.values().any(|it| it.is_for(topic));
        let is_early = self.again.get(&topic).is_some_and(|at| *at > Instant::now());
        if self.live.contains(&topic) || is_asked || is_early {
            return None;
        }
        let owner = device.sockets.owner(device.user, topic)?;
        let mut since = device.position(topic);
        let lies = device.sockets.plan.faults.lies;
        let is_calm = device.phase() != Phase::Faults;
        if let Some(position) = &mut since
            && device.chance.hits(lies)
            && !is_calm
        {
            device.sockets.count(|it| it.lies += 1);
            if device.chance.flips() {
                position.epoch += "0";
            } else {
                position.offset += 1_000_000;
            }
        }
        let mut subscribe = json!({ "channel": topic.channel(owner) });
        if let Some(Position { epoch, offset }) = &since {
            subscribe["recover"] = json!(true);
            subscribe["epoch"] = json!(epoch);
            subscribe["offset"] = json!(offset);
        }
        let asked = Asked::Topic { topic, since, at: device.now() };
        Some(self.command(json!({ "subscribe": subscribe }), asked))
    }

    /// Asks for what the device has in hand, if that goes over this connection.
    fn ask(&mut self, device: &Device) -> Option<Value> {
        let hand = device.hand.as_ref().filter(|it| !it.is_http)?;
        let is_asked = self.asked.values().any(|it| matches!(it, Asked::Deed { .. }));
        if is_asked || hand.at > Instant::now() {
            return None;
        }
        let (method, data) = hand.deed.rpc(&hand.key);
        let rpc = json!({ "rpc": { "method": method, "data": data } });
        Some(self.command(rpc, Asked::Deed { at: Instant::now() }))
    }

    /// Begins to look at the whole, if that is to be done.
    fn look(&mut self, device: &mut Device) -> Option<Value> {
        let is_live = self.live.contains(&Topic::Feed);
        let is_blind = device.with_seen(Topic::Feed, |it| it.is_blind);
        if device.look.is_some() || !is_live || !is_blind || self.look_at > Instant::now() {
            return None;
        }
        device.begin_look();
        Some(self.page(None))
    }

    fn page(&mut self, cursor: Option<String>) -> Value {
        let (method, data) = Deed::Page { cursor }.rpc("");
        let rpc = json!({ "rpc": { "method": method, "data": data } });
        self.command(rpc, Asked::Look { at: Instant::now() })
    }

    fn command(&mut self, mut command: Value, asked: Asked) -> Value {
        self.ids += 1;
        self.asked.insert(self.ids, asked);
        command["id"] = json!(self.ids);
        command
    }

    async fn say(&self, device: &Device, wire: &mut Wire, lines: Vec<Value>) -> Result<(), End> {
        if lines.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        let frame = lines.join("\n");
        device.world.note("said", &[device.number as u64], frame.as_bytes());
        let sent = timeout(PATIENCE, wire.send(Message::text(frame))).await;
        sent.map_err(|_late| End::Over)?.map_err(|_broken| End::Over)
    }

    /// Until when something has to come.
    fn silent_until(&self, device: &Device) -> Instant {
        let silence = device.ping_period.map_or(SILENCE_MAX, |it| it + ANSWER_MAX);
        let asked = self.asked.values().filter_map(|it| match it {
            Asked::Deed { at } | Asked::Look { at } => Some(*at + RPC_MAX),
            Asked::Connect => Some(self.opened + RPC_MAX),
            Asked::Ping | Asked::Topic { .. } | Asked::Left(_) | Asked::Nothing => None,
        });
        asked.fold(self.heard + silence, Instant::min)
    }

    /// When there is something to do, if nothing comes.
    fn next(&self, device: &Device) -> Instant {
        let tick = Instant::now() + TICK;
        let times = [self.silent_until(device), self.ping_at];
        let wishes =
            [self.leave_at, self.hop_at, self.stall_at, device.hand.as_ref().map(|it| it.at)];
        let later = wishes.into_iter().flatten().chain(times).filter(|it| *it > Instant::now());
        later.fold(tick, Instant::min)
    }

    /// Learns what a message says. Yields what is to be said to it.
    fn heard(&mut self, device: &mut Device, message: &Message) -> Result<Vec<Value>, End> {
        self.heard = Instant::now();
        let frame = match message {
            Message::Text(frame) => frame,
            Message::Close(close) => return Err(self.closed(device, close.as_ref())),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                return Ok(Vec::new());
            }
        };
        device.world.note("heard", &[device.number as u64], frame.as_bytes());
        if device.is_served_long(self.opened) {
            return Err(End::Wrong(format!("its session is over: {frame}")));
        }
        let mut lines = Vec::new();
        for line in frame.lines() {
            let said: Value = serde_json::from_str(line)
                .map_err(|error| End::Wrong(format!("{error}: {line}")))?;
            let answer = self.learn(device, &said);
            lines.extend(answer.map_err(|what| End::Wrong(format!("{what}: {line}")))?);
        }
        Ok(lines)
    }

    fn closed(&self, device: &Device, close: Option<&CloseFrame>) -> End {
        let code = close.map_or(0, |it| u16::from(it.code));
        device.sockets.count(|it| match code {
            3_001 => it.stopped += 1,
            3_008 => it.slow += 1,
            _ => {}
        });
        // Nobody may be told to stay away who did nothing wrong; one that took too long did.
        let is_late = code == 3_502 && self.opened.elapsed() >= Duration::from_secs(10);
        match code {
            0 | 1_000..=1_011 | 3_000..3_500 => End::Over,
            3_500 if device.is_out() => End::Out,
            _ if is_late => End::Over,
            _ => End::Wrong(format!("closed: {close:?}")),
        }
    }

    /// Learns what a line says. Yields what is to be said to it.
    fn learn(&mut self, device: &mut Device, said: &Value) -> Result<Option<Value>, String> {
        if said.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(Some(json!({})));
        }
        let Some(id) = said["id"].as_u64() else {
            return self.pushed(device, &said["push"]).map(|()| None);
        };
        let asked = self.asked.remove(&id).ok_or("nobody asked")?;
        let error = said.get("error").map(|it| Told::error(code(it), it));
        match asked {
            Asked::Connect => {
                let is_welcome = said["connect"]["client"].is_string();
                self.is_welcome = is_welcome;
                is_welcome.then_some(None).ok_or_else(|| "no welcome".to_owned())
            }
            Asked::Ping | Asked::Left(_) | Asked::Nothing => Ok(None),
            Asked::Topic { topic, since, at } => {
                match error {
                    None => self.begin(device, (topic, since, at), &said["subscribe"])?,
                    Some(Told::Done(_) | Told::Refused(_)) if !device.is_out() => {
                        return Err("not followed".to_owned());
                    }
                    Some(_) => {
                        let at = Instant::now() + device.chance.lasting(1_000..=500_000);
                        self.again.insert(topic, at);
                    }
                }
                Ok(None)
            }
            Asked::Deed { .. } => {
                device.told(error.unwrap_or_else(|| Told::Done(said["rpc"]["data"].clone())));
                Ok(None)
            }
            Asked::Look { .. } => match error {
                None => Ok(device.looked(&said["rpc"]["data"]).map(|next| self.page(Some(next)))),
                Some(Told::Done(_) | Told::Refused(_)) if !device.is_out() => {
                    Err("no feed".to_owned())
                }
                Some(_) => {
                    device.look = None;
                    self.look_at = Instant::now() + device.chance.lasting(1_000..=500_000);
                    Ok(None)
                }
            },
        }
    }

    /// A channel is followed from now on.
    fn begin(
        &mut self,
        device: &Device,
        (topic, since, asked): (Topic, Option<Position>, Time),
        said: &Value,
    ) -> Result<(), String> {
        let missed = said["publications"].as_array().ok_or("no publications")?;
        let missed = missed.iter().map(publication).collect::<Result<_, _>>()?;
        let epoch = said["epoch"].as_str().ok_or("no epoch")?;
        let sockets = &device.sockets;
        let first = sockets.epoch.borrow_mut().get_or_insert_with(|| epoch.to_owned()).clone();
        let recovered_max = sockets.plan.knobs.recovered_max as u64;
        let begun = Begun {
            asked,
            position: Position {
                epoch: epoch.to_owned(),
                offset: said["offset"].as_u64().ok_or("no offset")?,
            },
            was_recovering: said["was_recovering"] == true,
            is_recovered: said["recovered"] == true,
            missed,
            since,
        };
        sockets.count(|it| match (&begun.since, begun.is_recovered) {
            (_, true) => it.recovered += 1,
            (Some(_), false) => it.gaps += 1,
            (None, false) => {}
        });
        self.live.insert(topic);
        let last = sockets.last(device.user, topic);
        device.with_seen(topic, |it| it.begin(begun, Known { epoch: &first, last, recovered_max }))
    }

    fn pushed(&mut self, device: &Device, push: &Value) -> Result<(), String> {
        let channel = push["channel"].as_str().ok_or("no channel")?;
        let name = |it: &Topic| Some(it.channel(device.sockets.owner(device.user, *it)?));
        let topic = Topic::ALL.into_iter().find(|it| name(it).as_deref() == Some(channel));
        let topic = topic.ok_or("there is no such channel")?;
        if self.asked.values().any(|it| matches!(it, Asked::Left(left) if *left == topic)) {
            return Ok(());
        }
        holds(self.live.contains(&topic), || "it is not followed".to_owned())?;
        if push.get("unsubscribe").is_some() {
            let is_expected = push["unsubscribe"]["code"] == 2_500;
            self.live.remove(&topic);
            return is_expected.then_some(()).ok_or_else(|| "an end for good".to_owned());
        }
        let (offset, item) = publication(&push["pub"])?;
        let last = device.sockets.last(device.user, topic);
        device.sockets.count(|it| it.pushed += 1);
        device.with_seen(topic, |it| it.pushed(offset, item, last))
    }
}

impl Asked {
    fn is_for(&self, wanted: Topic) -> bool {
        matches!(self, Self::Topic { topic, .. } if *topic == wanted)
    }
}

fn code(error: &Value) -> u64 {
    error["code"].as_u64().unwrap_or_default()
}

fn publication(said: &Value) -> Result<(u64, Value), String> {
    let offset = said["offset"].as_u64().ok_or("no offset")?;
    Ok((offset, said["data"].clone()))
}
