//! Clients, and what they learn.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use cluster::request::{Answer, Failure, RequestId};
use cluster::slots::Slot;
use cluster::storage;
use cluster::transport::NodeId;
use entity::digest::sha256;
use entity::operation::Request;
use entity::registry::Outcome;
use entity::{Id, Kind};
use runtime::client::Client;

use super::cluster::{Phase, World};
use super::mishap::true_time;
use crate::chance::{Chance, Odds};
use crate::finding::{Oracle, Wrong};
use crate::workloads::counter::Counters;
use crate::world::call::{Call, Done};

/// How often a call under a key is repeated through other nodes.
const REPEATS_MAX: u32 = 5;

/// How often a call is made again that certainly had no effect.
const ATTEMPTS_MAX: u32 = 50;

impl World {
    /// Makes the calls that must succeed before anything goes wrong.
    pub(super) async fn lay_ground(self: &Rc<Self>) {
        let crews = self.crews.borrow().len();
        for crew in 0..crews {
            let calls = self.crews.borrow_mut()[crew].ground();
            for call in calls {
                let mut chance = Chance::of(self.parts.plan.seed, "ground");
                let done = self.call(&call, None, &mut chance).await;
                if !matches!(done, Done::Reply(_)) {
                    let what = format!("{done:?} to {call:?} before anything went wrong");
                    self.blame(Oracle::Answers.finds(what));
                }
            }
        }
    }

    /// What one client of a workload does while things go wrong.
    pub(super) async fn work(self: Rc<Self>, crew: usize, client: usize) {
        let (name, clients) = {
            let crews = self.crews.borrow();
            (crews[crew].name, crews[crew].clients)
        };
        let mut chance = Chance::of(self.parts.plan.seed, &format!("{name} client {client}"));
        let calls = self.parts.plan.calls_max / clients as u64 + 1;
        let lasting = u64::try_from(self.parts.plan.lasting.as_micros()).expect("seconds");
        for _ in 0..calls {
            let mean = if chance.hits(Odds(400_000)) { 500 } else { lasting / calls };
            tokio::time::sleep(chance.lasting(10..=10 + 2 * mean)).await;
            if self.phase.get() != Phase::Faults {
                return;
            }
            let Some(call) = self.crews.borrow_mut()[crew].next(client) else { return };
            let home = self.parts.plan.are_loyal.then_some(client);
            let began = self.parts.began.elapsed();
            let done = self.call(&call, home, &mut chance).await;
            let took = self.parts.began.elapsed().saturating_sub(began);
            self.counts.slowest.set(self.counts.slowest.get().max(took));
            self.draw_call((name, client), began, (&call, &done));
            if matches!(done, Done::Reply(_)) && call.is_command && call.to.kind == Counters::TAG {
                let now = true_time(self.parts.began);
                self.readers.with(|it| it.added(&call.to, &call.body, now));
            }
            if done == Done::Unknown {
                self.counts.unknown.set(self.counts.unknown.get() + 1);
            }
            let learned = self.crews.borrow_mut()[crew].workload.learn(client, &done);
            if let Err(what) = learned {
                self.blame(Oracle::Workload(name).finds(Wrong::with(&call.to, what)));
            }
        }
    }

    /// Makes a call until somebody knows what became of it, or nobody ever will: first through the node
    /// that belongs to a client, if one does.
    async fn call(&self, call: &Call, home: Option<usize>, chance: &mut Chance) -> Done {
        let number = self.counts.calls.get() + 1;
        self.counts.calls.set(number);
        let is_keyed = call.is_command && chance.hits(self.parts.plan.keyed);
        let key = is_keyed.then(|| RequestId::Outside {
            account: Id(u128::from(number % 3)),
            key: number.to_string(),
            fingerprint: sha256(&call.body),
        });
        let mut in_doubt = 0;
        let mut first = home.and_then(|it| self.client_at(it));
        for _ in 0..ATTEMPTS_MAX {
            let Some(client) = first.take().or_else(|| self.any_client(chance)) else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let answer = attempt(&client, call, key.clone()).await;
            if let (Answer::Outcome(_), Some(key)) = (&answer, &key) {
                self.told(&client, call, key);
            }
            match answer {
                Answer::Outcome(Outcome::Reply(bytes)) => return Done::Reply(bytes),
                Answer::Outcome(Outcome::Refusal(bytes)) => return Done::Refusal(bytes),
                Answer::Failure(Failure::Moved | Failure::Overloaded | Failure::StorageFull) => {}
                Answer::Failure(Failure::Unknown) if key.is_some() && in_doubt < REPEATS_MAX => {
                    in_doubt += 1;
                }
                Answer::Failure(Failure::Unknown) if !call.is_command => {}
                Answer::Failure(Failure::Unknown | Failure::Expired) => return Done::Unknown,
                Answer::Failure(failure) => {
                    let what = format!("{failure:?} in answer to {call:?}");
                    self.blame(Oracle::Answers.finds(Wrong::with(&call.to, what)));
                    return Done::Unknown;
                }
            }
            tokio::time::sleep(chance.lasting(1_000..=200_000)).await;
        }
        Done::Unknown
    }

    /// What a client was told has to be stored.
    fn told(&self, client: &Client, call: &Call, key: &RequestId) {
        let RequestId::Outside { account, key, .. } = key else { return };
        let row = storage::reply_outside(Slot::of(&call.to.key), *account, key);
        if let Ok(shard) = client.router().roster().home(&call.to) {
            self.witness.with(|witness| witness.told(shard, &row));
        }
    }

    /// The way in through a node that runs, if one does.
    pub(super) fn any_client(&self, chance: &mut Chance) -> Option<Client> {
        let (machines, lost) = (self.machines.borrow(), self.lost.borrow());
        let going = machines.values().filter(|it| !lost.contains(&it.node));
        let running = going.filter_map(|it| it.running.as_ref());
        let open = running.filter(|it| !it.is_closed);
        let clients: Vec<_> = open.map(|it| it.client.clone()).collect();
        if clients.is_empty() { None } else { Some(chance.pick(&clients).clone()) }
    }

    /// The way in through the node that belongs to a client, if it runs.
    fn client_at(&self, client: usize) -> Option<Client> {
        let machines = self.machines.borrow();
        let machine = machines.values().nth(client % machines.len().max(1))?;
        machine.running.as_ref().filter(|it| !it.is_closed).map(|it| it.client.clone())
    }

    /// The nodes that run.
    pub(super) fn running(&self) -> Vec<NodeId> {
        let machines = self.machines.borrow();
        machines.values().filter(|it| it.running.is_some()).map(|it| it.node).collect()
    }
}

/// Makes a call once, through one node.
pub(super) async fn attempt(client: &Client, call: &Call, key: Option<RequestId>) -> Answer {
    let Call { to, caller, tag, body, .. } = call.clone();
    let request = Request { to, tag, body: body.to_vec() };
    if call.is_command {
        return client.command(caller, key, request).await;
    }
    let mut answers = client.ask(caller, vec![request]).await;
    answers.pop().unwrap_or(Answer::Failure(Failure::Unknown))
}

/// Counters of a world.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages that arrived.
    pub messages: Cell<u64>,
    /// Commands and queries of clients.
    pub calls: Cell<u64>,
    /// Those of which nobody knows whether they had an effect.
    pub unknown: Cell<u64>,
    /// How long the slowest of them took while things went wrong.
    pub slowest: Cell<Duration>,
    /// Faults.
    pub faults: Cell<u64>,
    /// Nodes that were killed.
    pub kills: Cell<u64>,
    /// How many faults of each class came up, whether or not they were left out.
    pub events: RefCell<BTreeMap<&'static str, u64>>,
}

/// Crews that clients take turns with.
pub type Crews = RefCell<Vec<crate::workloads::Crew>>;
