//! All entities in one thread: enough of a cluster to run services, their messages in any order that
//! links allow.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use actors::{register, routes};
use bytes::Bytes;
use entity::digest::sha256;
use entity::operation::{Done, NO_ACCOUNT, Request, Step};
use entity::registry::{Outcome, Ran, Registry};
use entity::route::{INVALID_INPUT, Input, NOT_FOUND};
use entity::setting::Setting;
use entity::transaction::{Effects, Message, Order, Range, Read, Scope, State};
use entity::{
    Address, Caller, Command, Data, Durability, Id, Key, Kind, Operating, Problem, Query, Release,
    Stop, Time,
};
use serde_json::Value;

/// What a request came to: JSON, or status and code of the problem.
pub(crate) type Answered = Result<Value, (u16, &'static str)>;

#[derive(Default)]
struct Stored {
    head: Option<Bytes>,
    rows: BTreeMap<Vec<u8>, Bytes>,
}

impl State for Stored {
    fn get(&self, key: &[u8]) -> Read<Option<Bytes>> {
        Read::Ready(self.rows.get(key).cloned())
    }

    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>> {
        let rows = self.rows.range(range.from.clone()..range.to.clone());
        let rows = rows.map(|(key, row)| (key.clone().into(), row.clone()));
        Read::Ready(match range.order {
            Order::Up => rows.take(range.limit).collect(),
            Order::Down => rows.rev().take(range.limit).collect(),
        })
    }
}

/// A command on its way.
struct Sent {
    to: Address,
    tag: u16,
    body: Bytes,
    refused: Option<(u16, Bytes)>,
}

pub(crate) struct World {
    registry: Registry,
    entities: BTreeMap<Address, Stored>,
    /// One queue for each pair of entities: within it order is kept, among them it is not.
    links: BTreeMap<(Address, Address), VecDeque<Sent>>,
    wake_ups: Vec<(Time, Sent)>,
    now: Time,
    chance: u64,
    requests: u128,
    /// Whether time passes without a message getting through.
    pub(crate) is_stuck: bool,
    /// Messages that were refused and had nobody to tell.
    pub(crate) dead_letters: usize,
    /// Most messages sent by one command.
    pub(crate) messages_max: usize,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut registry = Registry::default();
        register(&mut registry);
        Self {
            registry,
            entities: BTreeMap::new(),
            links: BTreeMap::new(),
            wake_ups: Vec::new(),
            now: Time(1_000_000_000_000_000),
            chance: seed,
            requests: 0,
            is_stuck: false,
            dead_letters: 0,
            messages_max: 0,
        }
    }

    pub(crate) fn set<S: Setting>(&mut self, value: u64) {
        self.registry.settings.set::<S>(value).expect("within its range");
    }

    /// A number below `end`, as the seed has it.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.chance >> 33).expect("31 bits") % end
    }

    pub(crate) fn call<C: Command>(
        &mut self,
        to: &<C::Kind as Kind>::Key,
        command: &C,
    ) -> Result<C::Reply, C::Error> {
        let to = Address { kind: C::Kind::TAG, key: to.to_bytes() };
        decode(&self.run(&to, &Caller::Operator, C::TAG, &encode(command)))
    }

    pub(crate) fn ask<Q: Query>(
        &self,
        of: &<Q::Kind as Kind>::Key,
        query: &Q,
    ) -> Result<Q::Reply, Q::Error> {
        let of = Address { kind: Q::Kind::TAG, key: of.to_bytes() };
        decode(&self.answer(&of, Q::TAG, &encode(query)))
    }

    /// Delivers one message, on a link that chance chooses. Tells whether there was one.
    pub(crate) fn deliver(&mut self) -> bool {
        if self.links.is_empty() {
            return false;
        }
        let chosen = self.below(self.links.len());
        let link = self.links.keys().nth(chosen).expect("below their number").clone();
        let queue = self.links.get_mut(&link).expect("it is one of the keys");
        let sent = queue.pop_front().expect("empty ones are removed");
        if queue.is_empty() {
            self.links.remove(&link);
        }
        self.receive(link.0, sent);
        true
    }

    pub(crate) fn settle(&mut self) {
        while self.deliver() {}
    }

    /// Lets time pass; what should wake up meanwhile does.
    pub(crate) fn pass(&mut self, lasting: Duration) {
        let end = self.now + lasting;
        self.settle();
        while let Some(next) = self.next_wake_up(end) {
            let (at, sent) = self.wake_ups.remove(next);
            self.now = self.now.max(at);
            self.run(&sent.to, &Caller::Itself, sent.tag, &sent.body);
            self.settle();
        }
        self.now = end;
    }

    /// Makes a request as the gateway does. `line` is its method and path.
    pub(crate) fn request(&mut self, caller: &Caller, line: &str, json: &str) -> Answered {
        self.requests += 1;
        let id = Id((1_000_000_000_000_000 << 64) + self.requests);
        self.request_again(id, caller, line, json)
    }

    /// As [`World::request`], under the name of an earlier one.
    pub(crate) fn request_again(
        &mut self,
        id: Id,
        caller: &Caller,
        line: &str,
        json: &str,
    ) -> Answered {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let routes = routes();
        let mut found = routes.iter().filter(|it| it.method.name() == method);
        let (route, parts) = found
            .find_map(|route| Some((route, parts(route.path, path)?)))
            .unwrap_or_else(|| panic!("{line} leads nowhere"));
        let fields: Value = serde_json::from_str(json).expect("the test writes JSON");
        let fields = fields.as_object().expect("fields are an object").clone();
        let input = Input { path: parts, fields };
        let mut done = Vec::new();
        loop {
            let mut cx = Operating::new(caller, &done);
            match route.run(input.clone(), &mut cx) {
                Ok(reply) => return Ok(reply),
                Err(Stop::Refused(Problem { class, .. })) => {
                    let is_of_edge = [INVALID_INPUT, NOT_FOUND, NO_ACCOUNT].contains(&class);
                    assert!(
                        is_of_edge || route.problems.contains(&class),
                        "{class:?} is not stated"
                    );
                    return Err((class.status, class.code));
                }
                Err(Stop::Suspended) => {
                    let step = cx.into_step().expect("suspended for a step");
                    assert!(done.len() < entity::operation::STEPS_MAX, "too many steps");
                    done.push(self.perform(step, id));
                }
            }
        }
    }

    fn perform(&mut self, step: Step, id: Id) -> Done {
        match step {
            Step::Ask(requests) | Step::AskRecent(requests) => {
                let answers = requests.iter().map(|it| self.answer(&it.to, it.tag, &it.body));
                Done::Answers(answers.collect())
            }
            Step::Call(Request { to, tag, body }) => {
                Done::Outcome(self.run(&to, &Caller::Operator, tag, &body))
            }
            Step::HashPassword(password) => Done::Hash(hash(&password, self.below(1_000))),
            Step::VerifyPassword { password, hash } => {
                let salt = hash.as_ref().and_then(|it| it.split_once('#')?.1.parse().ok());
                Done::Verified(salt.is_some_and(|salt| hash == Some(self::hash(&password, salt))))
            }
            Step::Secret => Done::Secret([u8::try_from(self.below(256)).expect("below 256"); 32]),
            Step::Request => Done::Request(id),
            Step::Pause(_) => {
                if !self.is_stuck {
                    self.deliver();
                }
                Done::Paused
            }
        }
    }

    fn answer(&self, of: &Address, tag: u16, body: &[u8]) -> Outcome {
        let nothing = Stored::default();
        let stored = self.entities.get(of).unwrap_or(&nothing);
        let live = self.family(of).load;
        let live = live(stored.head.as_deref()).expect("its own bytes");
        match live.ask(&self.scope(of, &Caller::Operator, stored), tag, body) {
            Ran::Done { outcome, .. } => outcome,
            Ran::Miss(_) | Ran::Limit(_) | Ran::Panicked(_) | Ran::Malformed => {
                panic!("query {tag} of {} failed", self.family(of).name)
            }
        }
    }

    fn run(&mut self, to: &Address, caller: &Caller, tag: u16, body: &[u8]) -> Outcome {
        self.now = Time(self.now.0 + 1);
        let nothing = Stored::default();
        let stored = self.entities.get(to).unwrap_or(&nothing);
        let live = self.family(to).load;
        let live = live(stored.head.as_deref()).expect("its own bytes");
        let mut effects = Effects::default();
        match live.run(&self.scope(to, caller, stored), &mut effects, tag, body) {
            Ran::Done { outcome: Outcome::Refusal(refusal), .. } => Outcome::Refusal(refusal),
            Ran::Done { outcome, changed } => {
                let stored = self.entities.entry(to.clone()).or_default();
                if let Some(changed) = changed {
                    stored.head = Some(changed.head);
                }
                self.apply(to, effects);
                outcome
            }
            Ran::Panicked(text) => panic!("command {tag} of {}: {text}", self.family(to).name),
            Ran::Limit(limit) => panic!("command {tag} of {}: {limit:?}", self.family(to).name),
            Ran::Miss(_) | Ran::Malformed => panic!("all rows are there, all bodies are typed"),
        }
    }

    fn apply(&mut self, of: &Address, effects: Effects) {
        let stored = self.entities.get_mut(of).expect("the caller made it");
        for (key, row) in effects.rows {
            match row {
                Some(row) => stored.rows.insert(key, row),
                None => stored.rows.remove(&key),
            };
        }
        let count = effects.messages.iter().map(|it| it.targets.len()).sum();
        self.messages_max = self.messages_max.max(count);
        for Message { kind, command, body, targets, refused } in effects.messages {
            for key in targets {
                let to = Address { kind, key };
                let link = self.links.entry((of.clone(), to.clone())).or_default();
                let refused = refused.clone();
                link.push_back(Sent { to, tag: command, body: body.clone(), refused });
            }
        }
        for it in effects.wake_ups {
            let sent = Sent { to: of.clone(), tag: it.command, body: it.body, refused: None };
            self.wake_ups.push((it.at, sent));
        }
    }

    fn receive(&mut self, from: Address, sent: Sent) {
        let caller = Caller::Entity(from.clone());
        if let Outcome::Refusal(_) = self.run(&sent.to, &caller, sent.tag, &sent.body) {
            let Some((tag, body)) = sent.refused else {
                self.dead_letters += 1;
                return;
            };
            let link = self.links.entry((sent.to, from.clone())).or_default();
            link.push_back(Sent { to: from, tag, body, refused: None });
        }
    }

    fn next_wake_up(&self, end: Time) -> Option<usize> {
        let due = self.wake_ups.iter().enumerate().filter(|(_, (at, _))| *at <= end);
        due.min_by_key(|(_, (at, _))| *at).map(|(index, _)| index)
    }

    fn family(&self, of: &Address) -> &entity::registry::Family {
        self.registry.kind(of.kind).expect("registered")
    }

    fn scope<'a>(&'a self, of: &'a Address, caller: &'a Caller, state: &'a Stored) -> Scope<'a> {
        Scope {
            key: &of.key,
            durability: Durability::Durable,
            caller,
            now: self.now,
            shard: 1,
            release: Release::NEWEST,
            settings: &self.registry.settings,
            state,
        }
    }
}

fn hash(password: &str, salt: usize) -> String {
    let digest = sha256(format!("{password}{salt}").as_bytes());
    format!("{:02x?}#{salt}", &digest[..8])
}

/// The named parts of `path`, when it fits `template`.
fn parts(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    let pairs = || template.iter().zip(&path);
    let name = |part: &str| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_owned());
    let fits = template.len() == path.len() && pairs().all(|(t, p)| name(t).is_some() || t == p);
    fits.then(|| pairs().filter_map(|(t, p)| Some((name(t)?, (*p).to_owned()))).collect())
}

fn encode<D: Data>(value: &D) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(Release::NEWEST, &mut bytes);
    bytes
}

fn decode<R: Data, E: Data>(outcome: &Outcome) -> Result<R, E> {
    match outcome {
        Outcome::Reply(bytes) => Ok(R::decode(bytes).expect("encoded by the entity")),
        Outcome::Refusal(bytes) => Err(E::decode(bytes).expect("encoded by the entity")),
    }
}
