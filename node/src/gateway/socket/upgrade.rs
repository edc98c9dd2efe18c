//! From a request to a connection, and its limits.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::session::Session;
use crate::gateway::Gateway;
use crate::gateway::envelope::Arrival;
use crate::gateway::hall::Connection;
use crate::gateway::problem::{ORIGIN_FORBIDDEN, UPGRADE_REQUIRED, respond};

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
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if !is_welcome(&headers, &gateway.origins) {
        let problem = ORIGIN_FORBIDDEN.because(
            "Pages of this site may not connect. The setting `origins` names those that may.",
        );
        return respond(&problem, arrival.id);
    }
    let Ok(upgrade) = upgrade else {
        let problem = UPGRADE_REQUIRED.because("This path speaks WebSocket (RFC 6455) only.");
        return respond(&problem, arrival.id);
    };
    let upgrade = upgrade
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(gateway.body_bytes_max)
        .max_frame_size(gateway.body_bytes_max);
    let home = gateway.client.router().peers().home().clone();
    let session = Session::new(gateway, connection, arrival.id);
    // What was spawned to wait for the socket belongs to nobody.
    upgrade.on_upgrade(async move |socket| drop(home.spawn(session.serve(socket))))
}

/// Whether a page may connect: browsers say of which site it is, and other clients say nothing.
fn is_welcome(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let site = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let is_same = site.is_some_and(|site| host.is_some_and(|it| it.eq_ignore_ascii_case(site)));
    is_same || origins.iter().any(|it| it == "*" || it.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn pages_of_other_sites_are_not_welcome() {
        let allowed = ["https://friend.example".to_owned()];
        let cases = [
            (None, true),
            (Some("http://roost.example:8080"), true),
            (Some("https://ROOST.example:8080"), true),
            (Some("https://friend.example"), true),
            (Some("https://roost.example"), false),
            (Some("https://friend.example.evil"), false),
            (Some("null"), false),
            (Some(""), false),
        ];
        for (origin, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("roost.example:8080"));
            headers.extend(origin.map(|it| (header::ORIGIN, HeaderValue::from_static(it))));
            assert_eq!(is_welcome(&headers, &allowed), expected, "{origin:?}");
        }
        let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("null"))]);
        assert!(is_welcome(&headers, &["*".to_owned()]));
    }
}
