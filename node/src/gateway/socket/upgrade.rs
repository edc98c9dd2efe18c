//! From a request to a connection, and its limits.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::session::Session;
use crate::gateway::Gateway;
use crate::gateway::envelope::Arrival;
use crate::gateway::problem::{UPGRADE_REQUIRED, respond};
use crate::gateway::server::Connection;

/// Where it is.
pub(crate) const PATH: &str = "/connection/websocket";

/// Requests of one connection that are served at the same time. While there are so many nothing more
/// is read from it.
pub(super) const RPCS_MAX: usize = 1_024;

/// Most channels that one connection follows.
pub(super) const SUBSCRIPTIONS_MAX: usize = 128;

/// Bytes of such requests. While there are more nothing is read.
pub(super) const RPC_BYTES: usize = 1024 * 1024;

/// Bytes of replies that are sent as one frame, if there are so many.
pub(super) const FRAME_BYTES: usize = 16 * 1024;

/// What is read at once from a connection, in bytes.
const READ_BYTES: usize = 4 * 1024;

/// How long a client may take to say who it is.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Between two pings of the server.
pub(super) const PING_PERIOD: Duration = Duration::from_secs(25);

/// How long a client may take to answer one.
pub(super) const PONG_MAX: Duration = Duration::from_secs(10);

/// How long a client may take to read a frame.
pub(super) const WRITE_MAX: Duration = Duration::from_secs(10);

/// How long a token counts as valid that was.
pub(super) const TOKEN_VERIFIED: Duration = Duration::from_secs(1);

/// Makes a socket of a request.
pub(crate) async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    Extension(arrival): Extension<Arrival>,
    Extension(connection): Extension<Arc<Connection>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let problem = UPGRADE_REQUIRED.because("This path speaks WebSocket (RFC 6455) only.");
        return respond(&problem, arrival.id);
    };
    let upgrade = upgrade
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(gateway.body_bytes_max)
        .max_frame_size(gateway.body_bytes_max);
    let session = Session::new(gateway, connection, arrival.id);
    upgrade.on_upgrade(move |socket| session.serve(socket))
}
