//! What clients are told, and how connections end.

use std::error::Error as _;

use entity::{Id, Offset, Problem, ProblemClass};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::error::{Error as Broken, ProtocolError};

use super::subscription::Begun;
use super::upgrade::PING_PERIOD;
use crate::gateway::channels::{End, Publication};

/// Why a connection ends: a code that tells a client whether to come back (3000 to 3499) or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Disconnect {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

impl Disconnect {
    /// How a connection ends to which nothing more comes from channels.
    pub(super) fn when(end: End) -> Self {
        probe::sometimes!(SlowSocketCut, end == End::Slow);
        probe::sometimes!(SilentSocketEnded, end == End::Silent);
        probe::sometimes!(RevokedSocketEnded, end == End::Revoked);
        match end {
            End::Slow => SLOW,
            End::Revoked => INVALID_TOKEN,
            End::Silent => SILENT,
        }
    }

    /// How a connection ends that broke the protocol below; none if nobody is there to be told.
    pub(super) fn of(error: &axum::Error) -> Option<Self> {
        let error = error.source()?.downcast_ref::<Broken>()?;
        let reset = ProtocolError::ResetWithoutClosingHandshake;
        if matches!(error, Broken::Capacity(_)) {
            Some(TOO_LARGE)
        } else if matches!(error, Broken::Utf8(_)) {
            Some(NO_TEXT)
        } else {
            matches!(error, Broken::Protocol(why) if *why != reset).then_some(NO_FRAME)
        }
    }
}

/// The node stops: others go on.
pub(super) const SHUTDOWN: Disconnect = Disconnect { code: 3001, reason: "shutdown" };

/// The client has not read what it was sent.
pub(super) const SLOW: Disconnect = Disconnect { code: 3008, reason: "slow" };

/// Another node may hear of what the client follows; this one does not.
pub(super) const SILENT: Disconnect = Disconnect { code: 3010, reason: "insufficient state" };

/// The client has not answered a ping.
pub(super) const NO_PONG: Disconnect = Disconnect { code: 3012, reason: "no pong" };

/// The token could not be verified now.
pub(super) const NOT_NOW: Disconnect = Disconnect { code: 3004, reason: "internal server error" };

/// The token is not valid, or not any more.
pub(super) const INVALID_TOKEN: Disconnect = Disconnect { code: 3500, reason: "invalid token" };

/// What was said is no command, or none that may come now.
pub(super) const BAD_REQUEST: Disconnect = Disconnect { code: 3501, reason: "bad request" };

/// What was said is longer than a command may be: clients do not come back to say it again.
const TOO_LARGE: Disconnect = Disconnect { code: 1009, reason: "message too large" };

/// What was said is none of the protocol below (RFC 6455).
const NO_FRAME: Disconnect = Disconnect { code: 1002, reason: "protocol error" };

/// What was said is no text (RFC 6455).
const NO_TEXT: Disconnect = Disconnect { code: 1007, reason: "invalid UTF-8" };

/// The client has not said who it is.
pub(super) const STALE: Disconnect = Disconnect { code: 3502, reason: "stale" };

/// Why a command was refused, as the protocol numbers it.
pub(super) type Code = (u16, &'static str);

/// There is no channel of this name.
pub(super) const UNKNOWN_CHANNEL: Code = (102, "unknown channel");
/// The channel is not for this client.
pub(super) const PERMISSION_DENIED: Code = (103, "permission denied");
/// There is no route of this name.
pub(super) const METHOD_NOT_FOUND: Code = (104, "method not found");
/// The client follows the channel already.
pub(super) const ALREADY_SUBSCRIBED: Code = (105, "already subscribed");
/// The connection follows as many channels as it may.
pub(super) const LIMIT_EXCEEDED: Code = (106, "limit exceeded");
/// This is not served, or not for this channel.
pub(super) const NOT_AVAILABLE: Code = (108, "not available");
/// The channel cannot be read now.
pub(super) const INTERNAL_ERROR: Code = (100, "internal server error");
/// Items behind this position are not known.
pub(super) const UNRECOVERABLE: Code = (112, "unrecoverable position");

/// A subscription ends because items may have been missed: the client begins it again.
const INSUFFICIENT_STATE: Code = (2500, "insufficient state");

/// Asks whether the client is still there.
pub(super) const PING: &str = "{}";

/// Welcomes a client under the name of its connection, and names the node that it is connected to.
pub(super) fn connected(id: u64, client: Id, node: &str) -> String {
    let connect = json!({
        "client": client,
        "node": node,
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

/// Answers with an error of the protocol.
pub(super) fn refused(id: u64, (code, message): Code) -> String {
    failed(id, code, message)
}

/// Answers a client that follows a channel from now on.
pub(super) fn subscribed(id: u64, begun: &Begun) -> String {
    let subscribe = match &begun.place {
        None => json!({ "recoverable": false, "positioned": false }),
        Some(place) => json!({
            "recoverable": true,
            "positioned": true,
            "epoch": place.epoch,
            "offset": place.position.0,
            "was_recovering": place.was_recovering,
            "recovered": place.is_recovered,
            "publications": place.publications,
        }),
    };
    json!({ "id": id, "subscribe": subscribe }).to_string()
}

/// Answers with what was published before.
pub(super) fn history(id: u64, epoch: &str, last: Offset, publications: &[Publication]) -> String {
    let history = json!({ "epoch": epoch, "offset": last.0, "publications": publications });
    json!({ "id": id, "history": history }).to_string()
}

/// Answers with nothing but that it is done.
pub(super) fn done(id: u64, command: &str) -> String {
    json!({ "id": id, command: {} }).to_string()
}

/// Answers a client that has another token.
pub(super) fn refreshed(id: u64) -> String {
    let refresh = json!({ "version": env!("CARGO_PKG_VERSION"), "expires": false });
    json!({ "id": id, "refresh": refresh }).to_string()
}

/// Ends a subscription: the client begins it again, from where it was.
pub(super) fn lost(channel: &str) -> String {
    let (code, reason) = INSUFFICIENT_STATE;
    let unsubscribe = json!({ "code": code, "reason": reason });
    json!({ "push": { "channel": channel, "unsubscribe": unsubscribe } }).to_string()
}

fn failed(id: u64, code: u16, message: &str) -> String {
    let is_temporary = matches!(code, 100 | 429 | 503 | 504);
    let error = json!({ "code": code, "message": message, "temporary": is_temporary });
    json!({ "id": id, "error": error }).to_string()
}
