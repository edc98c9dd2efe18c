//! A WebSocket to a node, as all benches open it.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::target::ServedError;

/// What is read at once, in bytes. It is cleared for each read: the library's own 128 KiB cost half of
/// a client's time.
const READ_BYTES: usize = 4 * 1024;

/// A WebSocket to a node.
pub(super) type WebSocket = WebSocketStream<TcpStream>;

/// One over TLS.
pub(super) type SecureWebSocket = WebSocketStream<TlsStream<TcpStream>>;

/// Connects to the node with this address.
///
/// # Errors
///
/// What the node or the network says.
pub(super) async fn connect(url: &str) -> Result<WebSocket, String> {
    upgrade(dial(url).await?, url).await
}

/// The same over TLS.
///
/// # Errors
///
/// As [`connect`], or why the node is not trusted.
pub(super) async fn connect_securely(
    url: &str,
    tls: &TlsConnector,
) -> Result<SecureWebSocket, String> {
    let stream = dial(url).await?;
    let host = place(url).rsplit_once(':').map_or_else(|| place(url), |it| it.0);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let stream = tls.connect(name, stream).await.map_err(|error| error.to_string())?;
    upgrade(stream, url).await
}

/// Trusts the certificates in a file, and nobody else.
///
/// # Errors
///
/// When there are none in it.
pub(super) fn trust(certificates: &Path) -> Result<TlsConnector, ServedError> {
    let unusable = |error: &dyn std::fmt::Display| {
        ServedError::Other(format!("{} is of no use for TLS: {error}", certificates.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&std::fs::read(certificates)?) {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn dial(url: &str) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(place(url)).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    Ok(stream)
}

async fn upgrade<S>(stream: S, url: &str) -> Result<WebSocketStream<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let url = format!("ws://{}/connection/websocket", place(url));
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    let upgraded = client_async_with_config(url, stream, Some(config)).await;
    upgraded.map(|(wire, _)| wire).map_err(|error| error.to_string())
}

/// As `host:port`.
fn place(url: &str) -> &str {
    url.trim_start_matches("http://").trim_end_matches('/')
}
