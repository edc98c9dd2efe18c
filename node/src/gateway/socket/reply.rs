//! What clients are told, and how connections end.

use entity::{Problem, ProblemClass};
use serde_json::{Value, json};

use super::upgrade::PING_PERIOD;
use crate::world;

/// Why a connection ends: a code that tells a client whether to come back (3000 to 3499) or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Disconnect {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

/// The node stops: others go on.
pub(super) const SHUTDOWN: Disconnect = Disconnect { code: 3001, reason: "shutdown" };

/// The client has not read what it was sent.
pub(super) const SLOW: Disconnect = Disconnect { code: 3008, reason: "slow" };

/// The client has not answered a ping.
pub(super) const NO_PONG: Disconnect = Disconnect { code: 3012, reason: "no pong" };

/// The token could not be verified now.
pub(super) const NOT_NOW: Disconnect = Disconnect { code: 3004, reason: "internal server error" };

/// The token is not valid, or not any more.
pub(super) const INVALID_TOKEN: Disconnect = Disconnect { code: 3500, reason: "invalid token" };

/// What was said is no command, or none that may come now.
pub(super) const BAD_REQUEST: Disconnect = Disconnect { code: 3501, reason: "bad request" };

/// The client has not said who it is.
pub(super) const STALE: Disconnect = Disconnect { code: 3502, reason: "stale" };

/// There is no route of this name.
pub(super) const METHOD_NOT_FOUND: u16 = 104;

/// Asks whether the client is still there.
pub(super) const PING: &str = "{}";

/// Welcomes a client.
pub(super) fn connected(id: u64) -> String {
    let client = world::id();
    let connect = json!({
        "client": client,
        "version": env!("CARGO_PKG_VERSION"),
        "ping": PING_PERIOD.as_secs(),
        "pong": true,
    });
    json!({ "id": id, "connect": connect }).to_string()
}

/// Answers a request.
pub(super) fn replied(id: u64, answer: Result<Value, Problem>) -> String {
    match answer {
        Ok(data) => json!({ "id": id, "rpc": { "data": data } }).to_string(),
        Err(problem) => {
            let Problem { class: ProblemClass { status, code }, detail } = problem;
            failed(id, status, &format!("{code}: {detail}"))
        }
    }
}

/// Answers that there is no such route.
pub(super) fn no_method(id: u64) -> String {
    failed(id, METHOD_NOT_FOUND, "method not found")
}

fn failed(id: u64, code: u16, message: &str) -> String {
    let is_temporary = matches!(code, 429 | 503 | 504);
    let error = json!({ "code": code, "message": message, "temporary": is_temporary });
    json!({ "id": id, "error": error }).to_string()
}
