//! `/connection/websocket`: requests over a WebSocket, many at once.
//!
//! A part of Centrifugo's client protocol, version 2, as JSON: `connect` with a token, `rpc`, and pings.
//! A method is the name of a route in `/openapi.json` (`operationId`), its data are all fields of the
//! route, parts of the path among them.
//!
//! - `upgrade`: from a request to a connection, and its limits
//! - `command`: what clients say
//! - `reply`: what they are told
//! - `client`: who is connected
//! - `session`: one connection, from its first frame to its last

mod client;
mod command;
mod reply;
mod session;
mod upgrade;

pub(crate) use upgrade::{PATH, upgrade};
