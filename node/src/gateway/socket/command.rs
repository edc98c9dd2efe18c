//! What clients say: objects of JSON, one to a line.

use entity::{Offset, Problem};
use serde_json::{Map, Value};

use crate::gateway::json;
use crate::gateway::problem::MALFORMED_JSON;

/// What a client has seen of a channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Position {
    /// Of which history.
    pub(super) epoch: String,
    /// The last item.
    pub(super) offset: Offset,
}

/// What a client says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Command {
    /// It is still there.
    Pong,
    /// Who it is.
    Connect {
        /// Names the reply.
        id: u64,
        /// Of an account's session, or the operator's; empty for anybody.
        token: String,
    },
    /// It wants the items of a channel from now on.
    Subscribe {
        /// Names the reply.
        id: u64,
        /// Which one.
        channel: String,
        /// What it has seen before, if it wants what came since.
        since: Option<Position>,
    },
    /// It wants them no more.
    Unsubscribe {
        /// Names the reply.
        id: u64,
        /// Which one.
        channel: String,
    },
    /// It wants items that were published before.
    History {
        /// Names the reply.
        id: u64,
        /// Of which channel.
        channel: String,
        /// Most of them; 0: only where the channel is.
        limit: u64,
        /// Those behind this one.
        since: Option<Position>,
        /// Newest first.
        is_reverse: bool,
    },
    /// It has another token.
    Refresh {
        /// Names the reply.
        id: u64,
        /// As for connect.
        token: String,
    },
    /// Whether the server is there.
    Ping {
        /// Names the reply.
        id: u64,
    },
    /// It says something that nobody waits for.
    Send,
    /// A command of the protocol that is not served here.
    Unserved {
        /// Names the reply.
        id: u64,
    },
    /// A request.
    Rpc {
        /// Names the reply.
        id: u64,
        /// The name of a route.
        method: String,
        /// The fields of the route.
        data: Map<String, Value>,
    },
}

/// The field of a request's data that makes repeats harmless, as the header `Idempotency-Key` does.
pub(super) const KEY_FIELD: &str = "idempotency_key";

impl Command {
    /// Reads one line.
    pub(super) fn read(line: &[u8]) -> Result<Self, Problem> {
        let mut said = json::object(line)?;
        if said.is_empty() {
            return Ok(Self::Pong);
        }
        let id = match said.remove("id") {
            None => 0,
            Some(id) => {
                let id = id.as_u64().filter(|it| *it > 0);
                id.ok_or_else(|| wrong("The id of a command has to be a number above 0."))?
            }
        };
        let mut said = said.into_iter();
        let (Some((name, Value::Object(fields))), None) = (said.next(), said.next()) else {
            return Err(wrong("A command is an id, and one object under its name."));
        };
        if id == 0 && name != "send" {
            return Err(wrong("A command needs an id above 0."));
        }
        Self::of(id, &name, fields)
    }

    fn of(id: u64, name: &str, mut fields: Map<String, Value>) -> Result<Self, Problem> {
        Ok(match name {
            "connect" => Self::Connect { id, token: text(&mut fields, "token") },
            "refresh" => Self::Refresh { id, token: text(&mut fields, "token") },
            "subscribe" => {
                let is_back = fields.get("recover").and_then(Value::as_bool).unwrap_or_default();
                let since = is_back.then(|| Position::of(&mut fields));
                Self::Subscribe { id, channel: text(&mut fields, "channel"), since }
            }
            "unsubscribe" => Self::Unsubscribe { id, channel: text(&mut fields, "channel") },
            "history" => {
                let since = match fields.remove("since") {
                    Some(Value::Object(mut since)) => Some(Position::of(&mut since)),
                    _none => None,
                };
                let limit = fields.get("limit").and_then(Value::as_i64).unwrap_or_default();
                // Below 0: as many as there may be.
                let limit = u64::try_from(limit).unwrap_or(u64::MAX);
                let is_reverse = fields.get("reverse").and_then(Value::as_bool).unwrap_or_default();
                let channel = text(&mut fields, "channel");
                Self::History { id, channel, limit, since, is_reverse }
            }
            "ping" => Self::Ping { id },
            "send" => Self::Send,
            "publish" | "presence" | "presence_stats" | "sub_refresh" => Self::Unserved { id },
            "rpc" => {
                let method = text(&mut fields, "method");
                let data = match fields.remove("data") {
                    Some(Value::Object(data)) => data,
                    None | Some(Value::Null) => Map::new(),
                    Some(
                        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
                    ) => {
                        return Err(wrong("The data of an rpc have to be an object."));
                    }
                };
                Self::Rpc { id, method, data }
            }
            _ => {
                return Err(wrong(
                    "Known commands are connect, refresh, subscribe, unsubscribe, history, rpc, ping \
                     and send.",
                ));
            }
        })
    }
}

impl Position {
    fn of(fields: &mut Map<String, Value>) -> Self {
        let offset = fields.get("offset").and_then(Value::as_u64).unwrap_or_default();
        Self { epoch: text(fields, "epoch"), offset: Offset(offset) }
    }
}

fn text(fields: &mut Map<String, Value>, name: &str) -> String {
    match fields.remove(name) {
        Some(Value::String(text)) => text,
        _none => String::new(),
    }
}

fn wrong(what: &str) -> Problem {
    MALFORMED_JSON.because(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let rpc = |data| Command::Rpc { id: 2, method: "M".to_owned(), data };
        let data = Map::from_iter([("a".to_owned(), Value::from(1))]);
        let subscribe = |since| Command::Subscribe { id: 3, channel: "c".to_owned(), since };
        let cases = [
            ("{}", Command::Pong),
            (r#"{"id":1,"connect":{}}"#, Command::Connect { id: 1, token: String::new() }),
            (
                r#"{"id":1,"connect":{"token":"t","name":"js"}}"#,
                Command::Connect { id: 1, token: "t".to_owned() },
            ),
            (r#"{"id":2,"rpc":{"method":"M","data":{"a":1}}}"#, rpc(data)),
            (r#"{"rpc":{"method":"M"},"id":2}"#, rpc(Map::new())),
            (r#"{"id":3,"subscribe":{"channel":"c"}}"#, subscribe(None)),
            (
                r#"{"id":3,"subscribe":{"channel":"c","recover":true,"offset":7,"epoch":"e"}}"#,
                subscribe(Some(Position { epoch: "e".to_owned(), offset: Offset(7) })),
            ),
            (r#"{"send":{"data":1}}"#, Command::Send),
            (r#"{"id":4,"presence":{"channel":"c"}}"#, Command::Unserved { id: 4 }),
        ];
        for (line, expected) in cases {
            assert_eq!(Command::read(line.as_bytes()), Ok(expected), "{line}");
        }
    }

    #[test]
    fn whatever_comes_is_a_command_or_refused() {
        let seeds = [
            r#"{"id":1,"connect":{"token":"t","name":"js"}}"#,
            r#"{"id":2,"rpc":{"method":"M","data":{"a":[1,-2.5,null,"\u00e9"]}}}"#,
            r#"{"id":3,"subscribe":{"channel":"c","recover":true,"offset":7,"epoch":"e"}}"#,
            r#"{"id":4,"history":{"channel":"c","since":{"offset":7,"epoch":"e"},"reverse":true}}"#,
            r#"{"send":{"data":1}}"#,
        ];
        fuzz::target("socket-command").seeds(seeds).run(|line| {
            match Command::read(line) {
                // What an operation is told, it can say.
                Ok(Command::Rpc { data, .. }) => {
                    let text = serde_json::to_vec(&data).expect("it was JSON");
                    assert_eq!(json::object(&text), Ok(data));
                }
                Ok(_) => {}
                Err(problem) => assert_eq!(problem.class.status, 400),
            }
        });
    }

    #[test]
    fn what_is_no_command_is_refused() {
        let lines = [
            "",
            "[]",
            "{",
            r#"{"id":1}"#,
            r#"{"id":0,"connect":{}}"#,
            r#"{"id":-1,"connect":{}}"#,
            r#"{"connect":{}}"#,
            r#"{"id":1,"connect":[]}"#,
            r#"{"id":1,"nothing":{}}"#,
            r#"{"id":1,"connect":{},"rpc":{}}"#,
            r#"{"id":1,"rpc":{"method":"M","data":[]}}"#,
            r#"{"id":1,"id":2,"rpc":{"method":"M"}}"#,
        ];
        for line in lines {
            assert!(Command::read(line.as_bytes()).is_err(), "{line}");
        }
    }
}
