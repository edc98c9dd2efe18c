//! How writes reach a node.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::Value;

use super::etcd::Etcd;
use super::http::Http;
use super::socket::Socket;

/// Longest wait for an answer: above what a node allows itself.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(15);

/// What carries requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Wire {
    /// HTTP/1.1 and JSON, one request on a connection at a time.
    Http,
    /// WebSocket and JSON, many requests on a connection.
    Socket,
    /// The `Put` of etcd over gRPC, many requests on a connection: to compare with.
    Etcd,
}

/// The code of a write that was not answered in time.
pub(super) const NO_ANSWER: &str = "no_answer";

/// A write to a probe.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) probe: u64,
    pub(super) value: String,
    /// Makes repeats harmless; empty for none.
    pub(super) key: String,
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Told {
    /// It is done: so often the probe has been written.
    Done(u64),
    /// It may be tried again; by its code whether it may have happened is known.
    Again(String),
    /// It was refused, and will be again.
    Refused(String),
}

/// Codes of answers that let a client try again, under the same key.
const PASSING: [&str; 6] =
    ["shard_moved", "outcome_unknown", "timeout", "overloaded", "not_ready", "too_many_requests"];

/// The way to one node, or to all members of etcd.
pub(super) enum Way {
    Etcd(Etcd),
    Http(Http),
    Socket(Socket),
}

impl Way {
    /// Sends a write, and waits for the answer.
    pub(super) async fn write(&mut self, write: &Write) -> Told {
        match self {
            Self::Etcd(etcd) => etcd.write(write).await,
            Self::Http(http) => http.write(write).await,
            Self::Socket(socket) => socket.write(write).await,
        }
    }
}

/// Judges an answer by its code.
pub(super) fn judge(code: &str) -> Told {
    if PASSING.contains(&code) {
        Told::Again(code.to_owned())
    } else {
        Told::Refused(code.to_owned())
    }
}

/// What a write was answered with.
pub(super) fn done(reply: &Value) -> Told {
    reply.as_u64().map_or_else(|| Told::Refused(reply.to_string()), Told::Done)
}
