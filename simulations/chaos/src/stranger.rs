//! Somebody who speaks QUIC to nodes, and is none of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::error::ChaosError;

/// What nodes speak inside.
const PROTOCOL: &[u8] = b"roost/1";

/// Longest datagram that begins a connection, in bytes.
const FIRST_BYTES_MAX: usize = 2_048;

/// How long a connection is watched that should end.
const WATCHED: Duration = Duration::from_secs(2);

/// A client at one address.
#[derive(Debug)]
pub(crate) struct Stranger(Endpoint);

impl Stranger {
    /// One that believes whatever nodes say of themselves, and has no certificate or one that it made itself. Call
    /// it where tasks can be started.
    pub(crate) fn new(own_certificate: bool) -> Result<Self, ChaosError> {
        let config = config(own_certificate).map_err(|error| ChaosError::broken(error.to_string()));
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into());
        let mut endpoint = endpoint.map_err(ChaosError::io("a stranger"))?;
        endpoint.set_default_client_config(config?);
        Ok(Self(endpoint))
    }

    pub(crate) fn address(&self) -> Result<SocketAddr, ChaosError> {
        self.0.local_addr().map_err(ChaosError::io("a stranger"))
    }

    /// Connects to a node, and says whether it is still connected after a while.
    pub(crate) async fn stays(&self, to: SocketAddr) -> Result<bool, ChaosError> {
        let begun = self.0.connect(to, "n1").map_err(|it| ChaosError::broken(it.to_string()))?;
        // It speaks before it learns that it is refused.
        let Ok(Ok(connection)) = timeout(WATCHED, begun).await else { return Ok(false) };
        Ok(timeout(WATCHED, connection.closed()).await.is_err())
    }
}

/// What a client sends first, for which a node begins to prove itself.
pub(crate) async fn first_datagram() -> Result<Vec<u8>, ChaosError> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let socket = socket.map_err(ChaosError::io("a socket"))?;
    let to = socket.local_addr().map_err(ChaosError::io("a socket"))?;
    let stranger = Stranger::new(false)?;
    let begun = stranger.0.connect(to, "n1").map_err(|it| ChaosError::broken(it.to_string()))?;
    let mut bytes = vec![0; FIRST_BYTES_MAX];
    let heard = timeout(WATCHED, socket.recv(&mut bytes)).await;
    let heard = heard.map_err(|_late| ChaosError::broken("a client says nothing"))?;
    bytes.truncate(heard.map_err(ChaosError::io("a socket"))?);
    drop(begun);
    Ok(bytes)
}

fn config(own_certificate: bool) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_protocol_versions(&[&TLS13])?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(Credulous));
    let mut config = if own_certificate {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["n1".to_owned()])?;
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        config.with_client_auth_cert(vec![cert.der().clone()], key.into())?
    } else {
        config.with_no_client_auth()
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?)))
}

/// Believes everybody.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
