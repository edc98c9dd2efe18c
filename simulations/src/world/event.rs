//! What can happen, and when.

use std::collections::BTreeMap;

use bytes::Bytes;
use cluster::ledger::Completion;
use cluster::request::{Answer, Request};
use entity::Time;

use super::trace::Trace;

/// Something that happens at a moment.
#[derive(Clone, Debug)]
pub enum Event {
    /// An executor goes on.
    Step {
        /// Which shard.
        shard: usize,
        /// Which of its executors.
        seat: u32,
    },
    /// A ledger tells what ended.
    Told {
        /// Which shard.
        shard: usize,
        /// Which of its executors.
        seat: u32,
        /// What ended.
        completion: Completion,
    },
    /// A barrier reaches a ledger.
    Barrier {
        /// Which shard.
        shard: usize,
        /// Which of its executors asked for it.
        seat: u32,
        /// Which barrier.
        ticket: u64,
    },
    /// A moment passes for the delayed records of a ledger.
    Advance {
        /// Which shard.
        shard: usize,
    },
    /// Something arrives.
    Arrive(Parcel),
    /// A client does something next.
    Think {
        /// Which workload.
        crew: usize,
        /// Which of its clients.
        client: usize,
    },
    /// A call that is not answered is sent again.
    Retry {
        /// Which call.
        call: u64,
        /// Which attempt was the last one.
        attempt: u32,
    },
    /// Something goes wrong.
    Fault(Fault),
    /// A new executor takes a shard that has none.
    Restart {
        /// Which shard.
        shard: usize,
    },
    /// An executor that has lost its shard without knowing is stopped.
    Stop {
        /// Which shard.
        shard: usize,
        /// Which of its executors.
        seat: u32,
    },
    /// Nothing goes wrong any more.
    Calm,
}

/// Something on its way through the network.
#[derive(Clone, Debug)]
pub enum Parcel {
    /// From a client to a shard.
    Request {
        /// The receiver.
        to: usize,
        /// Names the attempt.
        ticket: u64,
        /// The request.
        request: Request,
    },
    /// From a shard to a client.
    Answer {
        /// The sender.
        from: usize,
        /// Names the attempt.
        ticket: u64,
        /// The answer.
        answer: Answer,
    },
    /// From a shard to a shard.
    Envelope {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
        /// The envelope.
        envelope: Bytes,
    },
    /// From the receiver of envelopes to their sender.
    Acknowledged {
        /// The receiver of the envelopes.
        from: usize,
        /// Their sender.
        to: usize,
        /// Number of the last one.
        number: u64,
    },
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// An executor ends without a word.
    Crash,
    /// An executor is replaced and does not know.
    Takeover,
    /// A shard can neither be reached nor reach anybody.
    Cut,
    /// A gateway forgets everything.
    GatewayCrash,
    /// A clock jumps.
    Clock,
    /// What was in memory is not any more, or is again.
    Cold,
}

/// What will happen, in order: of what happens at one moment, what was planned first comes first.
#[derive(Debug, Default)]
pub struct Agenda {
    events: BTreeMap<(Time, u64), Event>,
    planned: u64,
}

impl Agenda {
    /// Plans something.
    pub fn plan(&mut self, at: Time, event: Event) {
        self.planned += 1;
        self.events.insert((at, self.planned), event);
    }

    /// Takes out what happens next.
    pub fn take_next(&mut self) -> Option<(Time, Event)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }

    /// Forgets events.
    pub fn forget(&mut self, is_forgotten: impl Fn(&Event) -> bool) {
        self.events.retain(|_, event| !is_forgotten(event));
    }
}

impl Event {
    /// Notes that it happens.
    pub fn note(&self, now: Time, trace: &mut Trace) {
        match self {
            Self::Step { shard, seat } => {
                trace.note(now, "step", &[*shard as u64, u64::from(*seat)], &[]);
            }
            Self::Told { shard, seat, completion } => {
                let numbers = [*shard as u64, u64::from(*seat)];
                trace.note(now, "told", &numbers, format!("{completion:?}").as_bytes());
            }
            Self::Barrier { shard, seat, ticket } => {
                let numbers = [*shard as u64, u64::from(*seat), *ticket];
                trace.note(now, "barrier", &numbers, &[]);
            }
            Self::Advance { shard } => trace.note(now, "advance", &[*shard as u64], &[]),
            Self::Arrive(parcel) => parcel.note(now, trace),
            Self::Think { crew, client } => {
                trace.note(now, "think", &[*crew as u64, *client as u64], &[]);
            }
            Self::Retry { call, attempt } => {
                trace.note(now, "retry", &[*call, u64::from(*attempt)], &[]);
            }
            Self::Fault(fault) => trace.note(now, "fault", &[*fault as u64], &[]),
            Self::Restart { shard } => trace.note(now, "restart", &[*shard as u64], &[]),
            Self::Stop { shard, seat } => {
                trace.note(now, "stop", &[*shard as u64, u64::from(*seat)], &[]);
            }
            Self::Calm => trace.note(now, "calm", &[], &[]),
        }
    }
}

impl Parcel {
    /// The shards at its ends: a client is none.
    pub fn ends(&self) -> [Option<usize>; 2] {
        match self {
            Self::Request { to, .. } => [None, Some(*to)],
            Self::Answer { from, .. } => [Some(*from), None],
            Self::Envelope { from, to, .. } | Self::Acknowledged { from, to, .. } => {
                [Some(*from), Some(*to)]
            }
        }
    }

    fn note(&self, now: Time, trace: &mut Trace) {
        match self {
            Self::Request { to, ticket, request } => {
                trace.note(now, "request", &[*to as u64, *ticket], &request.body);
            }
            Self::Answer { from, ticket, answer } => {
                let numbers = [*from as u64, *ticket];
                match answer {
                    Answer::Outcome(outcome) => {
                        trace.note(now, "outcome", &numbers, outcome.bytes());
                    }
                    Answer::Failure(failure) => {
                        trace.note(now, "failure", &numbers, failure.class().code.as_bytes());
                    }
                }
            }
            Self::Envelope { from, to, envelope } => {
                trace.note(now, "envelope", &[*from as u64, *to as u64], envelope);
            }
            Self::Acknowledged { from, to, number } => {
                trace.note(now, "acknowledged", &[*from as u64, *to as u64, *number], &[]);
            }
        }
    }
}
