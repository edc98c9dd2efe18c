//! How both sides prove who they are: TLS 1.3, certificates of one authority on both.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use cluster::transport::NodeId;
use quinn::congestion::CubicConfig;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{
    AckFrequencyConfig, ClientConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig,
    TransportConfig, VarInt,
};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::TLS13;
use webpki::EndEntityCert;

use crate::identity::{Identity, node_of};
use crate::limits::{
    DATAGRAM_BYTES_MAX, IDLE_MAX, KEEP_ALIVE, PACKETS_UNACKNOWLEDGED_MAX, STREAM_WINDOW_BYTES,
    WINDOW_BYTES_FIRST,
};

/// What is spoken inside.
const PROTOCOL: &[u8] = b"roost/1";

/// Streams of one connection that a peer may open: one of each class, and a few of a later release.
const STREAMS_MAX: u32 = 8;

/// Streams of one connection that go both ways: the hello, and a question.
const DIALOGUES_MAX: u32 = 2;

/// Why an identity cannot be used.
#[derive(Debug)]
pub enum TlsError {
    /// The certificate or its key.
    Certificate(rustls::Error),
    /// The authority.
    Authority(VerifierBuilderError),
    /// There is no cipher for QUIC.
    Cipher(NoInitialCipherSuite),
}

/// How this node takes connections, and how it makes them.
pub(crate) fn configs(identity: &Identity) -> Result<(ServerConfig, ClientConfig), TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(identity.authority.clone())?;
    let roots = Arc::new(roots);
    let transport = Arc::new(transport());
    let mut server = ServerConfig::with_crypto(Arc::new(server(identity, &provider, &roots)?));
    server.transport_config(Arc::clone(&transport)).migration(false);
    let mut client = ClientConfig::new(Arc::new(client(identity, provider, roots)?));
    client.transport_config(transport);
    Ok((server, client))
}

fn server(
    identity: &Identity,
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
) -> Result<QuicServerConfig, TlsError> {
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier.build()?)
        .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config.try_into()?)
}

fn client(
    identity: &Identity,
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
) -> Result<QuicClientConfig, TlsError> {
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![identity.certificate.clone()], identity.key.clone_key())?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Nothing is said before the other side has proved itself anew.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config.try_into()?)
}

/// How somebody makes connections who proves nothing.
#[cfg(test)]
pub(crate) fn without_certificate(other: &Identity) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(other.authority.clone()).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[&TLS13]).expect("a version");
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    let config = QuicClientConfig::try_from(config).expect("a cipher");
    ClientConfig::new(Arc::new(config))
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle = IdleTimeout::try_from(IDLE_MAX).expect("a few seconds");
    let (mut sizes, mut acknowledgements) =
        (MtuDiscoveryConfig::default(), AckFrequencyConfig::default());
    sizes.upper_bound(DATAGRAM_BYTES_MAX);
    acknowledgements.ack_eliciting_threshold(VarInt::from_u32(PACKETS_UNACKNOWLEDGED_MAX));
    let mut congestion = CubicConfig::default();
    congestion.initial_window(WINDOW_BYTES_FIRST);
    transport
        .mtu_discovery_config(Some(sizes))
        .ack_frequency_config(Some(acknowledgements))
        .congestion_controller_factory(Arc::new(congestion))
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .max_concurrent_bidi_streams(VarInt::from_u32(DIALOGUES_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX))
        .datagram_receive_buffer_size(None);
    transport
}

/// The node that the other side of a connection has proved to be.
pub(crate) fn proved(peer: Option<Box<dyn Any>>, label: &str) -> Option<NodeId> {
    let chain = peer?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    let certificate = EndEntityCert::try_from(chain.first()?).ok()?;
    certificate.valid_dns_names().find_map(|name| node_of(name, label))
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(error) => write!(f, "the certificate cannot be used: {error}"),
            Self::Authority(error) => write!(f, "the authority cannot be used: {error}"),
            Self::Cipher(error) => write!(f, "there is no cipher: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Certificate(error)
    }
}

impl From<VerifierBuilderError> for TlsError {
    fn from(error: VerifierBuilderError) -> Self {
        Self::Authority(error)
    }
}

impl From<NoInitialCipherSuite> for TlsError {
    fn from(error: NoInitialCipherSuite) -> Self {
        Self::Cipher(error)
    }
}
