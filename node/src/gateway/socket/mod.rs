//! `/connection/websocket`: requests over a WebSocket, many at once.
//!
//! A part of Centrifugo's client protocol, version 2, as JSON: `connect` with a token, `rpc`, and pings.
//! A method is the name of a route in `/openapi.json` (`operationId`), its data are all fields of the
//! route, parts of the path among them.
//!
//! - [`command`]: what clients say
//! - [`reply`]: what they are told
//! - `session`: one connection, from its first frame to its last

mod command;
mod reply;
mod session;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::Gateway;
use super::envelope::Arrival;
use super::problem::{OVERLOADED, UPGRADE_REQUIRED, respond};
use session::Session;

/// Where it is.
pub(crate) const PATH: &str = "/connection/websocket";

/// Most connections at once on one node.
pub(crate) const SOCKETS_MAX: usize = 20_000;

/// Requests of one connection that are served at the same time. While there are so many nothing more
/// is read from it.
pub(crate) const RPCS_MAX: usize = 1_024;

/// Bytes of replies that are sent as one frame, if there are so many.
const FRAME_BYTES: usize = 16 * 1024;

/// What is read at once from a connection, in bytes.
const READ_BYTES: usize = 4 * 1024;

/// How long a client may take to say who it is.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Between two pings of the server.
pub(crate) const PING_PERIOD: Duration = Duration::from_secs(25);

/// How long a client may take to answer one.
const PONG_MAX: Duration = Duration::from_secs(10);

/// How long a client may take to read a frame.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// How long a token counts as valid that was.
const TOKEN_VERIFIED: Duration = Duration::from_secs(1);

/// Makes a socket of a request.
pub(super) async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    Extension(arrival): Extension<Arrival>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let problem = UPGRADE_REQUIRED.because("This path speaks WebSocket (RFC 6455) only.");
        return respond(&problem, arrival.id);
    };
    let Ok(room) = Arc::clone(&gateway.sockets).try_acquire_owned() else {
        let problem = OVERLOADED.because("There are too many connections. Try another node.");
        return respond(&problem, arrival.id);
    };
    let upgrade = upgrade
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(gateway.body_bytes_max)
        .max_frame_size(gateway.body_bytes_max);
    upgrade.on_upgrade(move |socket| async move {
        Session::new(gateway, arrival.id).serve(socket).await;
        drop(room);
    })
}
