//! A device: it is connected to some node, goes on with another one where it was, and does what its
//! user does.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use actors::accounts::token::Token;
use cluster::transport::NodeId;
use entity::Time;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::deed::{Deed, Told};
use super::http;
use super::pipe::{Nature, Pipe};
use super::seen::{Look, Position, Seen};
use super::state::Sockets;
use super::talk::Talk;
use super::topic::Topic;
use crate::chance::{Chance, Odds};
use crate::finding::Oracle;
use crate::nodes::cluster::{Phase, World};
use crate::nodes::faults::Class;
use crate::nodes::mishap::true_time;

/// How long a device waits for an answer to a request of HTTP.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// How often a device ends its own session, of the times when it does something.
const LOG_OUTS: Odds = Odds(70_000);

/// How long a node may serve somebody whose session is over: it looks every second, and gives up when nobody
/// can say for five.
const OUT_MAX: Duration = Duration::from_secs(10);

/// The handle of a user.
pub(super) fn handle(user: usize) -> String {
    format!("user_{user}")
}

/// A device.
pub struct Device {
    pub(super) world: Rc<World>,
    pub(super) sockets: Rc<Sockets>,
    pub(super) number: usize,
    /// Whose it is.
    pub(super) user: usize,
    pub(super) chance: Chance,
    /// Proves who the user is, once that is known.
    pub(super) token: String,
    /// Since when its session is over, if it is.
    pub(super) out_at: Option<Instant>,
    /// What it is doing.
    pub(super) hand: Option<Hand>,
    /// What it has done so far.
    pub(super) deeds: u64,
    /// When it does something again.
    pub(super) next_at: Instant,
    /// The pages of a look at the whole, so far.
    pub(super) look: Option<Look>,
    /// How often it asks whether the node is there; never if it leaves that to the node.
    pub(super) ping_period: Option<Duration>,
}

/// Something that a device is doing.
pub(super) struct Hand {
    pub(super) deed: Deed,
    pub(super) key: String,
    /// Not before then.
    pub(super) at: Instant,
    /// Whether it goes over a connection of its own. A repeat takes the same way.
    pub(super) is_http: bool,
}

impl Device {
    /// A device that is not connected yet.
    pub(super) fn new(world: &Rc<World>, sockets: &Rc<Sockets>, number: usize) -> Self {
        let mut chance = Chance::of(world.parts.plan.seed, &format!("device {number}"));
        let ping_period = Duration::from_millis(chance.magnitude(500..=8_000));
        Self {
            world: Rc::clone(world),
            sockets: Rc::clone(sockets),
            number,
            user: sockets.plan.devices[number],
            ping_period: (!chance.hits(Odds(200_000))).then_some(ping_period),
            chance,
            token: String::new(),
            out_at: None,
            hand: None,
            deeds: 0,
            next_at: Instant::now(),
            look: None,
        }
    }

    /// Comes back again and again.
    pub(super) async fn live(mut self) {
        loop {
            if let Some((node, pipe)) = self.connect() {
                self.sockets.count(|it| it.connections += 1);
                let talk = Talk::new(&mut self, node);
                if let Err(what) = talk.hold(&mut self, pipe).await {
                    self.blame(&what);
                }
            }
            let is_hasty = self.phase() != Phase::Faults || self.chance.hits(Odds(800_000));
            let limit = if is_hasty { 200_000 } else { 3_000_000 };
            sleep(self.chance.lasting(100..=limit)).await;
        }
    }

    /// A way to some node; none if it is not there.
    fn connect(&mut self) -> Option<(NodeId, Pipe)> {
        let going: Vec<_> = self.world.going().into_keys().collect();
        if going.is_empty() {
            return None;
        }
        let node = *self.chance.pick(&going);
        let nature = match self.phase() {
            Phase::Faults => self.sockets.plan.faults.nature(&mut self.chance),
            Phase::Setup | Phase::Calm => Nature::calm(),
        };
        let doors = self.sockets.doors.borrow();
        Some((node, doors.get(&node)?.connect(&nature, &mut self.chance)?))
    }

    /// Takes up something, if there is something to do.
    pub(super) fn take_up(&mut self) {
        if self.hand.is_some() || self.out_at.is_some() || self.token.is_empty() && self.deeds > 0 {
            return;
        }
        if let Some(deed) = self.next() {
            self.begin(deed);
        }
    }

    fn begin(&mut self, deed: Deed) {
        self.deeds += 1;
        self.world.counts.calls.set(self.world.counts.calls.get() + 1);
        let key = format!("d{}n{}", self.number, self.deeds);
        let (now, order) = (self.now(), (self.number, self.deeds));
        self.sockets.book.borrow_mut().begin(self.user, order, &deed, now);
        let is_http = self.chance.hits(self.sockets.plan.http);
        self.hand = Some(Hand { deed, key, at: Instant::now(), is_http });
    }

    /// What it does next: what it was told to do, or, while things go wrong, what comes to its mind.
    fn next(&mut self) -> Option<Deed> {
        let told = self.with_todo(VecDeque::pop_front);
        if told.is_some() {
            return told;
        }
        let plan = &self.world.parts.plan;
        let is_done = self.deeds >= self.sockets.plan.deeds_max;
        if self.phase() != Phase::Faults || is_done || Instant::now() < self.next_at {
            return None;
        }
        let mean = u64::try_from(plan.lasting.as_micros()).expect("seconds");
        let mean = mean / self.sockets.plan.deeds_max;
        self.next_at = Instant::now() + self.chance.lasting(10..=10 + 2 * mean);
        Some(self.imagine())
    }

    fn imagine(&mut self) -> Deed {
        if self.number != self.user
            && self.chance.hits(LOG_OUTS)
            && let Ok(Token { session, .. }) = self.token.parse()
        {
            return Deed::LogOut { session };
        }
        let what = self.chance.below(10);
        let book = self.sockets.book.borrow();
        if what == 0
            && let Some(post) = book.any_of(self.number)
        {
            return Deed::Delete { post: post.to_owned() };
        }
        let whom = self.chance.index(book.users.len());
        // Only the first device of a user, so that it is known what was done last.
        let is_free = self.number == self.user && whom != self.user;
        if what < 3
            && is_free
            && !book.steady.contains(&(self.user, whom))
            && let Some(user) = book.users[whom]
        {
            let is_follow = self.chance.flips();
            return if is_follow {
                Deed::Follow { whom, user }
            } else {
                Deed::Unfollow { whom, user }
            };
        }
        let padding = usize::try_from(self.chance.magnitude(1..=2_000)).expect("small");
        Deed::Publish { body: format!("d{} n{} {}", self.number, self.deeds, "x".repeat(padding)) }
    }

    /// What it has in hand goes over a connection of its own.
    pub(super) async fn exchange(&mut self) {
        let Some(hand) = self.hand.take() else { return };
        let told = match self.connect() {
            None => Told::Again,
            Some((_, pipe)) => {
                let asked = http::exchange(pipe, &hand.deed, (&self.token, &hand.key));
                timeout(ANSWER_MAX, asked).await.unwrap_or(Told::Again)
            }
        };
        self.hand = Some(hand);
        self.told(told);
    }

    /// Learns what came of what it has in hand.
    pub(super) fn told(&mut self, told: Told) {
        let Some(mut hand) = self.hand.take() else { return };
        match told {
            Told::Again => {
                hand.at = Instant::now() + self.chance.lasting(1_000..=500_000);
                self.hand = Some(hand);
            }
            // It was asked for before, and that was not answered.
            Told::Refused(_) if matches!(hand.deed, Deed::LogOut { .. }) => {
                self.out_at = Some(Instant::now());
            }
            Told::Refused(why) => self.blame(&format!("{:?} was refused: {why}", hand.deed)),
            Told::Done(value) => {
                let now = self.now();
                let ended = {
                    let mut book = self.sockets.book.borrow_mut();
                    book.end(self.user, &hand.deed, &value, now)
                };
                if let Err(what) = ended {
                    self.blame(&format!("{:?}: {what}", hand.deed));
                }
                if let Some(token) = value["token"].as_str() {
                    token.clone_into(&mut self.token);
                }
                if matches!(hand.deed, Deed::LogOut { .. }) {
                    self.out_at = Some(Instant::now());
                }
            }
        }
    }

    /// Whether its session is over, or may be.
    pub(super) fn is_out(&self) -> bool {
        let may_be = |it: &Hand| matches!(it.deed, Deed::LogOut { .. });
        self.out_at.is_some() || self.hand.as_ref().is_some_and(may_be)
    }

    /// Whether a connection is still served although the session has been over for long. A node that
    /// stands still may say then what it would have said before.
    pub(super) fn is_served_long(&self, opened: Instant) -> bool {
        let since = self.out_at.map(|it| it.max(opened));
        let may_pause = self.world.parts.plan.faults.has(Class::Pause);
        !may_pause && since.is_some_and(|it| it.elapsed() > OUT_MAX)
    }

    /// A node has said that its session is over: it begins another one.
    pub(super) fn log_in_again(&mut self) {
        (self.out_at, self.hand) = (None, None);
        self.token.clear();
        self.begin(Deed::LogIn { handle: handle(self.user) });
    }

    /// What a page of the feed shows. Yields where the next one begins, if there is one.
    pub(super) fn looked(&mut self, page: &Value) -> Option<String> {
        let mut look = self.look.take()?;
        look.items.extend(page["items"].as_array().into_iter().flatten().cloned());
        if let Some(next) = page["next"].as_str() {
            self.look = Some(look);
            return Some(next.to_owned());
        }
        look.offsets.1 = self.sockets.last(self.user, Topic::Feed);
        self.with_seen(Topic::Feed, |seen| {
            seen.is_blind = false;
            seen.looks.push(look);
        });
        self.sockets.count(|it| it.looks += 1);
        None
    }

    /// Begins to look at the whole.
    pub(super) fn begin_look(&mut self) {
        let position = self.position(Topic::Feed).map_or(0, |it| it.offset);
        self.look = Some(Look { offsets: (position, 0), at: self.now(), items: Vec::new() });
    }

    /// Where it is in a channel.
    pub(super) fn position(&self, topic: Topic) -> Option<Position> {
        self.with_seen(topic, |seen| seen.position.clone())
    }

    pub(super) fn with_seen<R>(&self, topic: Topic, work: impl FnOnce(&mut Seen) -> R) -> R {
        let mut seen = self.sockets.seen.borrow_mut();
        work(seen.entry((self.number, topic)).or_default())
    }

    fn with_todo<R>(&self, work: impl FnOnce(&mut VecDeque<Deed>) -> R) -> R {
        let mut todo = self.sockets.todo.borrow_mut();
        work(&mut todo[self.number])
    }

    pub(super) fn phase(&self) -> Phase {
        self.world.phase.get()
    }

    pub(super) fn now(&self) -> Time {
        true_time(self.world.parts.began)
    }

    pub(super) fn blame(&self, what: &str) {
        self.world.blame(Oracle::Sockets.finds(format!("device {}: {what}", self.number)));
    }
}
