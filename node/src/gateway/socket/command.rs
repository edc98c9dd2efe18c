//! What clients say: objects of JSON, one to a line.

use entity::Problem;
use serde_json::{Map, Value};

use crate::gateway::json;
use crate::gateway::problem::MALFORMED_JSON;

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
        let wrong = |what: &str| MALFORMED_JSON.because(what);
        let id = said.remove("id").as_ref().and_then(Value::as_u64).filter(|it| *it > 0);
        let id = id.ok_or_else(|| wrong("A command needs an id above 0."))?;
        let mut said = said.into_iter();
        let (Some((name, Value::Object(mut fields))), None) = (said.next(), said.next()) else {
            return Err(wrong("A command is an id, and one object under its name."));
        };
        let mut text = |name: &str| {
            let text = fields.remove(name);
            text.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match &*name {
            "connect" => Ok(Self::Connect { id, token: text("token") }),
            "rpc" => {
                let method = text("method");
                let data = match fields.remove("data") {
                    Some(Value::Object(data)) => data,
                    None | Some(Value::Null) => Map::new(),
                    Some(
                        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
                    ) => {
                        return Err(wrong("The data of an rpc have to be an object."));
                    }
                };
                Ok(Self::Rpc { id, method, data })
            }
            _ => Err(wrong("Known commands are connect and rpc.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let rpc = |data| Command::Rpc { id: 2, method: "M".to_owned(), data };
        let data = Map::from_iter([("a".to_owned(), Value::from(1))]);
        let cases = [
            ("{}", Command::Pong),
            (r#"{"id":1,"connect":{}}"#, Command::Connect { id: 1, token: String::new() }),
            (
                r#"{"id":1,"connect":{"token":"t","name":"js"}}"#,
                Command::Connect { id: 1, token: "t".to_owned() },
            ),
            (r#"{"id":2,"rpc":{"method":"M","data":{"a":1}}}"#, rpc(data)),
            (r#"{"rpc":{"method":"M"},"id":2}"#, rpc(Map::new())),
        ];
        for (line, expected) in cases {
            assert_eq!(Command::read(line.as_bytes()), Ok(expected), "{line}");
        }
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
