//! A WebSocket to a node, as all benches open it.

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// What is read at once, in bytes. It is cleared for each read: the library's own 128 KiB cost half of
/// a client's time.
const READ_BYTES: usize = 4 * 1024;

/// A WebSocket to a node.
pub(super) type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects to the node with this address.
///
/// # Errors
///
/// What the node or the network says.
pub(super) async fn connect(url: &str) -> Result<WebSocket, String> {
    let url = format!("{}/connection/websocket", url.replacen("http", "ws", 1));
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    let connected = connect_async_with_config(url, Some(config), true).await;
    connected.map(|(wire, _)| wire).map_err(|error| error.to_string())
}
