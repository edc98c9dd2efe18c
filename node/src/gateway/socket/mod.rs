//! `/connection/websocket`: channels and requests over a WebSocket.
//!
//! Centrifugo's client protocol, version 2, as JSON: `connect` with a token, `subscribe` with recovery,
//! `unsubscribe`, `history`, `refresh`, `rpc`, and pings. A channel is one that a service declares; a method
//! is the name of a route in `/openapi.json` (`operationId`), its data are all fields of the route, parts of
//! the path among them.
//!
//! - `upgrade`: from a request to a connection, and its limits
//! - `command`: what clients say
//! - `reply`: what they are told
//! - `client`: who is connected; `watchlist`: and whether that is still so
//! - `subscription`: a channel as one connection follows it
//! - `session`: one connection, from its first frame to its last

mod client;
mod command;
mod reply;
mod session;
mod subscription;
mod upgrade;
mod watchlist;

pub(crate) use upgrade::{PATH, upgrade};
pub(crate) use watchlist::Watchlist;
