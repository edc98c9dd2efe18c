//! What comes to a shard from outside, and what goes back.

use std::fmt;

use bytes::Bytes;
use entity::registry::Outcome;
use entity::transaction::Limit;
use entity::{Address, Caller, Id, Problem, ProblemClass, Time};

/// A command or a query on its way to an entity.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// To whom.
    pub to: Address,
    /// Who asks.
    pub caller: Caller,
    /// What.
    pub verb: Verb,
    /// Tag of the command or query.
    pub tag: u16,
    /// The command or query, encoded.
    pub body: Bytes,
    /// What it is a part of, for the logs of all nodes.
    pub trace: Trace,
}

/// Names what somebody outside wants done, in the logs of every node that has a part in it: 16 bytes as
/// W3C's Trace Context has them. Zero is none.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Trace(pub u128);

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({self})")
    }
}

/// Whether a request may change something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verb {
    /// It may. A repeat under the same name has no second effect.
    Command(RequestId),
    /// It may not; it needs no name.
    Query,
}

/// Names a command, so that repeating it has no second effect and gets the first one's reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RequestId {
    /// A caller chose it: an `Idempotency-Key`. Kept for [`OUTSIDE_LASTING`](crate::limits).
    Outside {
        /// Scope of the key.
        account: Id,
        /// The key, at most [`KEY_BYTES_MAX`](crate::limits::KEY_BYTES_MAX) bytes.
        key: String,
        /// Of the whole request: another one under the same key is refused.
        fingerprint: [u8; 32],
    },
    /// roost made it. Kept until acknowledged, and at most
    /// [`INSIDE_LASTING`](crate::limits::INSIDE_LASTING).
    Inside {
        /// The incarnation of the sender, unique for ever.
        sender: u64,
        /// Counts the sender's commands to this shard, from 1.
        number: u64,
        /// When the command was first sent: the sender's clock, or the shard's time where that is known
        /// to be later.
        birth: Time,
        /// The sender knows the answers of all numbers up to this one.
        acknowledged: u64,
    },
}

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The entity replied or refused, and all that it saw is durable.
    Outcome(Outcome),
    /// No entity spoke.
    Failure(Failure),
}

/// Why a request got no answer of an entity.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The shard is now elsewhere, or not yet ready. Nothing happened: retry freely.
    Moved,
    /// There is no such shard.
    NoSuchShard,
    /// Too much is waiting already. Nothing happened: retry later.
    Overloaded,
    /// It may or may not have happened: retry under the same name.
    Unknown,
    /// The command is older than the reply that a repeat would need; it was not executed now.
    Expired,
    /// Its key was used for another request.
    KeyReused,
    /// The account has used too many keys.
    TooManyKeys,
    /// The key, the body or the name of the entity is longer than allowed.
    TooLong {
        /// Which of them.
        what: &'static str,
        /// Most bytes.
        bytes_max: usize,
    },
    /// Nothing has this kind, tag or layout.
    Malformed,
    /// The handler reached a limit. Nothing happened.
    Limit(Limit),
    /// What is stored of the entity cannot be read: it is damaged, or of a later release.
    Unreadable,
    /// The handler panicked. Nothing happened.
    Panicked,
    /// The entity panicked too often and waits for an operator.
    Quarantined,
    /// The disk is full. Nothing happened; what makes room is still taken.
    StorageFull,
}

impl Failure {
    /// Whether the request certainly had no effect, and may be sent again under another name.
    pub fn is_without_effect(&self) -> bool {
        !matches!(self, Self::Unknown | Self::Expired)
    }

    /// Whether somebody has to look at what is stored or at the program.
    pub fn is_for_people(&self) -> bool {
        matches!(self, Self::Unreadable | Self::Panicked | Self::Quarantined)
    }

    /// What kind of problem it is.
    pub fn class(&self) -> ProblemClass {
        let (status, code) = match self {
            Self::Moved => (503, "shard_moved"),
            Self::NoSuchShard => (404, "shard_unknown"),
            Self::Overloaded => (503, "overloaded"),
            Self::Unknown => (503, "outcome_unknown"),
            Self::Expired => (409, "request_expired"),
            Self::KeyReused => (422, "idempotency_key_reused"),
            Self::TooManyKeys => (429, "too_many_idempotency_keys"),
            Self::TooLong { .. } => (413, "too_long"),
            Self::Malformed => (400, "malformed"),
            Self::Limit(limit) => return limit.class(),
            Self::Unreadable => (500, "entity_unreadable"),
            Self::Panicked => (500, "handler_panicked"),
            Self::Quarantined => (503, "entity_quarantined"),
            Self::StorageFull => (507, "storage_full"),
        };
        ProblemClass { status, code }
    }

    /// What a caller outside is told.
    pub fn problem(&self) -> Problem {
        self.class().because(self.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved => write!(f, "The shard is moving. Nothing happened; try again."),
            Self::NoSuchShard => write!(f, "There is no such shard."),
            Self::Overloaded => {
                write!(f, "Too much is waiting. Nothing happened; try again later.")
            }
            Self::Unknown => {
                write!(
                    f,
                    "It may or may not have happened. Repeat it with the same Idempotency-Key."
                )
            }
            Self::Expired => {
                write!(f, "The request is too old to be repeated. Look at what is there.")
            }
            Self::KeyReused => {
                write!(f, "This Idempotency-Key was used for another request. Use a new one.")
            }
            Self::TooManyKeys => {
                write!(f, "The account has used too many Idempotency-Keys within a day. Wait.")
            }
            Self::TooLong { what, bytes_max } => {
                write!(f, "The {what} is too long: at most {bytes_max} bytes are allowed.")
            }
            Self::Malformed => write!(f, "Nothing here understands this request."),
            Self::Limit(limit) => {
                write!(
                    f,
                    "The request does too much at once ({}). Make it smaller.",
                    limit.class().code
                )
            }
            Self::Unreadable => {
                write!(f, "What is stored of this entity cannot be read. An operator has to look.")
            }
            Self::Panicked => {
                write!(f, "A defect stopped the request. Nothing happened; report it.")
            }
            Self::Quarantined => {
                write!(f, "A defect stopped this entity repeatedly. An operator has to release it.")
            }
            Self::StorageFull => {
                write!(f, "The disk is full. Nothing happened; delete something, or add a disk.")
            }
        }
    }
}
