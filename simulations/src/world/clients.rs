//! The client side: names, repeats, what is learned.

use std::time::Duration;

use bytes::Bytes;
use cluster::limits::INSIDE_LASTING;
use cluster::request::{Answer, Failure, Request, RequestId, Trace, Verb};
use cluster::sender::Sent;
use cluster::slots::ShardId;
use entity::digest::sha256;
use entity::registry::Outcome;
use entity::{Id, Time};

use super::call::{Call, Done};
use super::cluster::{BEGINNING, Phase, World};
use super::event::{Event, Parcel};
use super::sabotage::Sabotage;
use crate::chance::Odds;
use crate::finding::{Oracle, Wrong};
use crate::timeline::Operation;

/// A call that is not answered.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Whose: the workload.
    crew: usize,
    /// Whose: the client, or nobody's while the ground is laid.
    client: Option<usize>,
    call: Call,
    gateway: usize,
    verb: Verb,
    /// By which its gateway knows it, unless it is a query.
    sent: Option<Sent>,
    birth: Time,
    attempt: u32,
}

/// Attempts of one call that have names of their own.
const ATTEMPTS: u64 = 1 << 20;

impl World {
    /// A client does what it does next.
    pub(super) fn think(&mut self, crew: usize, client: usize) {
        if self.phase != Phase::Faults {
            return;
        }
        if let Some(call) = self.crews[crew].next(client) {
            self.call(crew, Some(client), call);
        }
    }

    /// Plans what a client does next: all of them together use the time that there is.
    pub(super) fn plan_think(&mut self, crew: usize, client: usize) {
        let crew_of = &mut self.crews[crew];
        let calls = self.plan.calls_max / crew_of.clients as u64 + 1;
        let mean = u64::try_from(self.plan.lasting.as_micros()).expect("minutes") / calls;
        // Now and then without a pause: much happens at once.
        let mean = if crew_of.chance.hits(Odds(400_000)) { 500 } else { mean };
        let at = self.now + crew_of.chance.lasting(10..=10 + 2 * mean);
        self.agenda.plan(at, Event::Think { crew, client });
    }

    /// Makes a call.
    pub(super) fn call(&mut self, crew: usize, client: Option<usize>, call: Call) {
        self.counts.calls += 1;
        let id = self.counts.calls;
        let gateway = client.unwrap_or(0) % self.gateways.len();
        let (sent, verb) = self.name(gateway, &call);
        let (birth, attempt) = (self.now, 0);
        let pending = Pending { crew, client, call, gateway, verb, sent, birth, attempt };
        self.calls.insert(id, pending);
        self.attempt(id);
    }

    fn name(&mut self, gateway: usize, call: &Call) -> (Option<Sent>, Verb) {
        if !call.is_command {
            return (None, Verb::Query);
        }
        let shard = self.directory.shard_of(&call.to.key);
        if !self.net.hits(self.plan.keyed)
            && let Some((sent, id)) = self.gateways[gateway].name(shard, self.now)
        {
            return (Some(sent), Verb::Command(id));
        }
        let (account, key) = (Id(u128::from(self.counts.calls % 3)), self.counts.calls.to_string());
        let fingerprint = sha256(&call.body);
        (None, Verb::Command(RequestId::Outside { account, key, fingerprint }))
    }

    fn attempt(&mut self, id: u64) {
        let pending = self.calls.get_mut(&id).expect("it is not answered");
        pending.attempt += 1;
        let Pending { call, verb, attempt, .. } = pending.clone();
        let ShardId(shard) = self.directory.shard_of(&call.to.key);
        let Call { to, caller, tag, body, .. } = call;
        let request = Request { to, caller, verb, tag, body, trace: Trace::default() };
        let ticket = id * ATTEMPTS + u64::from(attempt);
        self.send(&Parcel::Request { to: shard as usize, ticket, request });
        let patience = self.net.lasting(100_000..=2_000_000);
        self.retry_after(id, attempt, patience);
    }

    fn retry_after(&mut self, call: u64, attempt: u32, delay: Duration) {
        let at = self.after(delay);
        self.agenda.plan(at, Event::Retry { call, attempt });
    }

    /// A call was not answered in time, or told to try again.
    pub(super) fn retry(&mut self, id: u64, attempt: u32) {
        let Some(pending) = self.calls.get(&id).filter(|it| it.attempt == attempt) else {
            return;
        };
        if self.now.since(pending.birth) > INSIDE_LASTING {
            return self.finish(id, &Done::Unknown);
        }
        if self.plan.sabotage == Sabotage::NameChanged {
            let (gateway, call) = (pending.gateway, pending.call.clone());
            let (sent, verb) = self.name(gateway, &call);
            let pending = self.calls.get_mut(&id).expect("just found");
            (pending.sent, pending.verb) = (sent, verb);
        }
        self.attempt(id);
    }

    /// An answer arrives.
    pub(super) fn learn(&mut self, ticket: u64, answer: Answer) {
        let id = ticket / ATTEMPTS;
        if let Answer::Outcome(outcome) = &answer {
            self.compare(id, outcome.bytes());
        }
        let Some(pending) = self.calls.get(&id) else { return };
        let attempt = pending.attempt;
        match answer {
            Answer::Outcome(Outcome::Reply(bytes)) => self.finish(id, &Done::Reply(bytes)),
            Answer::Outcome(Outcome::Refusal(bytes)) => self.finish(id, &Done::Refusal(bytes)),
            Answer::Failure(Failure::Moved | Failure::Overloaded | Failure::Unknown) => {
                let delay = self.net.lasting(1_000..=100_000);
                self.retry_after(id, attempt, delay);
            }
            Answer::Failure(Failure::Expired) => self.finish(id, &Done::Unknown),
            Answer::Failure(failure) => {
                let what = format!("{failure:?} in answer to {pending:?}");
                let wrong = Wrong::with(&pending.call.to, what);
                self.blame(Oracle::Answers.finds(wrong));
            }
        }
    }

    /// A repeat of a command gets the answer of the first one.
    fn compare(&mut self, id: u64, bytes: &Bytes) {
        let is_command = self.calls.get(&id).is_none_or(|it| it.call.is_command);
        let is_other = self.answered.get(&id).is_some_and(|first| first != bytes);
        if is_other && self.plan.sabotage != Sabotage::NameChanged {
            let what = format!("call {id} was answered in two ways");
            self.blame(Oracle::Answers.finds(what));
        }
        if is_command && self.calls.contains_key(&id) {
            self.answered.insert(id, bytes.clone());
        }
    }

    fn finish(&mut self, id: u64, done: &Done) {
        let pending = self.calls.remove(&id).expect("it was not answered");
        let Pending { crew, client, call, gateway, sent, birth, .. } = pending;
        let (workload, from) = (self.crews[crew].name, birth.since(BEGINNING));
        self.draw(|it, now| {
            let (entity, text) = (call.to.clone(), format!("{call} {done}"));
            let client = client.unwrap_or(0);
            let to = Some(now);
            it.operations.push(Operation { workload, client, entity, from, to, text });
        });
        if let Some(sent) = sent {
            self.gateways[gateway].answered(sent);
        }
        self.counts.unknown += u64::from(*done == Done::Unknown);
        match client {
            Some(client) => {
                let judged = self.crews[crew].workload.learn(client, done);
                let name = self.crews[crew].name;
                let wrong = |what| Oracle::Workload(name).finds(Wrong::with(&call.to, what));
                self.judge(judged.map_err(wrong));
                if self.phase == Phase::Faults {
                    self.plan_think(crew, client);
                }
            }
            None if matches!(done, Done::Reply(_)) => {}
            None => {
                let name = self.crews[crew].name;
                let what = format!("{done:?} to {call:?}");
                self.blame(Oracle::Workload(name).finds(Wrong::with(&call.to, what)));
            }
        }
    }

    /// A gateway forgets everything: its clients do not know what became of their calls.
    pub(super) fn crash_gateway(&mut self) {
        let crashed = self.net.index(self.gateways.len());
        let lost: Vec<_> =
            self.calls.iter().filter(|(_, it)| it.gateway == crashed).map(|(id, _)| *id).collect();
        self.gateways[crashed] = self.new_gateway();
        for id in lost {
            // Its numbers are gone with it.
            self.calls.get_mut(&id).expect("just found").sent = None;
            self.finish(id, &Done::Unknown);
        }
    }
}
