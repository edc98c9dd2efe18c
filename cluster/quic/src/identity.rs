//! Who a node is: its certificate, and who vouches for it.
//!
//! The authority of a cluster follows from its secret: whoever knows it can vouch for a node, and nobody
//! has to be asked. A certificate names one node of one cluster, and binds a key that the node has made
//! for itself.

use std::fmt;
use std::time::{Duration, SystemTime};

use cluster::transport::NodeId;
use entity::digest::{DIGEST_BYTES, sha256};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::limits::{CERTIFICATE_LASTING, CLOCK_SKEW_MAX};

/// Who asks before it has a number: questions are all that it may send.
pub const NEWCOMER: NodeId = NodeId(0);

/// Fewest bytes of a secret.
pub const SECRET_BYTES_MIN: usize = 16;

/// Who vouches for the nodes of a cluster.
pub struct Authority {
    label: String,
    reset: [u8; DIGEST_BYTES],
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A node, as it proves itself to others.
pub struct Identity {
    /// Which node.
    pub node: NodeId,
    pub(crate) label: String,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) authority: CertificateDer<'static>,
    /// What its socket signs resets with: the same after a restart, so that others learn at once that
    /// their connections are over.
    pub(crate) reset: [u8; DIGEST_BYTES],
}

/// Why there is no authority, or no identity.
#[derive(Debug)]
pub enum IdentityError {
    /// The secret is shorter than [`SECRET_BYTES_MIN`] bytes.
    SecretShort {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// A certificate cannot be made.
    Certificate(rcgen::Error),
}

impl Authority {
    /// The authority of a cluster, from its name and secret.
    ///
    /// # Errors
    ///
    /// [`IdentityError`]
    pub fn of(cluster: &str, secret: &[u8]) -> Result<Self, IdentityError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(IdentityError::SecretShort { bytes: secret.len() });
        }
        let key = authority_key(cluster, secret)?;
        let label = label(cluster);
        let params = authority_params(&label)?;
        let certificate = params.self_signed(&key)?.der().clone();
        let reset = sha256(&[b"roost reset\0", cluster.as_bytes(), &[0], secret].concat());
        Ok(Self { label, reset, issuer: Issuer::new(params, key), certificate })
    }

    /// Vouches for a node, from `now` on. The node gets a key that nobody else has.
    ///
    /// # Errors
    ///
    /// When the system has no chance to give.
    pub fn vouch(&self, node: NodeId, now: SystemTime) -> Result<Identity, IdentityError> {
        self.vouch_for(node, now, CERTIFICATE_LASTING)
    }

    /// As [`Authority::vouch`], for so long.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn vouch_for(
        &self,
        node: NodeId,
        now: SystemTime,
        lasting: Duration,
    ) -> Result<Identity, IdentityError> {
        self.vouch_key(node, &KeyPair::generate_for(&PKCS_ED25519)?, (now, lasting))
    }

    /// As [`Authority::vouch_for`], for a key that the node has already.
    pub(crate) fn vouch_key(
        &self,
        node: NodeId,
        key: &KeyPair,
        (now, lasting): (SystemTime, Duration),
    ) -> Result<Identity, IdentityError> {
        let names = vec![name(node, &self.label), any_name(&self.label)];
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, format!("roost node {}", node.0));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = (now - CLOCK_SKEW_MAX).into();
        params.not_after = (now + lasting).into();
        let certificate = params.signed_by(key, &self.issuer)?.der().clone();
        Ok(Identity {
            node,
            label: self.label.clone(),
            certificate,
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            authority: self.certificate.clone(),
            reset: sha256(&[&self.reset[..], &node.0.to_le_bytes()].concat()),
        })
    }
}

/// A key that follows from name and secret, and tells nothing of them.
fn authority_key(cluster: &str, secret: &[u8]) -> Result<KeyPair, IdentityError> {
    key_of(sha256(&[b"roost authority\0", cluster.as_bytes(), &[0], secret].concat()))
}

/// The key that these bytes are.
pub(crate) fn key_of(bytes: [u8; DIGEST_BYTES]) -> Result<KeyPair, IdentityError> {
    /// What stands before the 32 bytes of an Ed25519 key in PKCS #8.
    const PKCS8: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let der = PrivatePkcs8KeyDer::from([&PKCS8[..], &bytes].concat());
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519)?)
}

fn authority_params(label: &str) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, format!("roost cluster {label}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

/// The cluster in names of nodes: its own may be too long, and is nobody else's business.
fn label(cluster: &str) -> String {
    sha256(cluster.as_bytes())[..10]
        .iter()
        .fold(String::new(), |label, byte| format!("{label}{byte:02x}"))
}

/// The name of a node in its certificate.
pub(crate) fn name(node: NodeId, label: &str) -> String {
    format!("n{}.{label}.roost", node.0)
}

/// The name that every node of a cluster has.
pub(crate) fn any_name(label: &str) -> String {
    format!("{label}.roost")
}

/// The node that has a name.
pub(crate) fn node_of(name: &str, label: &str) -> Option<NodeId> {
    let number = name.strip_suffix(".roost")?.strip_suffix(label)?.strip_suffix('.')?;
    number.strip_prefix('n')?.parse().ok().map(NodeId)
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority of {}", self.label)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity {}", name(self.node, &self.label))
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretShort { bytes } => write!(
                f,
                "the secret has {bytes} bytes; use at least {SECRET_BYTES_MIN}, made by chance"
            ),
            Self::Certificate(error) => write!(f, "a certificate cannot be made: {error}"),
        }
    }
}

impl std::error::Error for IdentityError {}

impl From<rcgen::Error> for IdentityError {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::proved;

    #[test]
    fn names_tell_nodes_of_one_cluster() {
        let here = label("here");
        assert_eq!(node_of(&name(NodeId(7), &here), &here), Some(NodeId(7)));
        assert_eq!(node_of(&name(NodeId(7), &label("elsewhere")), &here), None);
        for wrong in ["", "n7.roost", "7.x.roost", &format!("nx.{here}.roost")] {
            assert_eq!(node_of(wrong, &here), None, "{wrong}");
        }
    }

    /// Whoever vouches for a certificate has looked at it before; still nothing may end here.
    #[test]
    fn whatever_comes_is_the_certificate_of_a_node_or_of_nobody() {
        let authority = Authority::of("here", b"long enough for it").unwrap();
        let identity = authority.vouch(NodeId(7), SystemTime::UNIX_EPOCH).unwrap();
        let node = |bytes: &[u8], label: &str| {
            proved(Some(Box::new(vec![CertificateDer::from(bytes.to_vec())])), label)
        };
        assert_eq!(node(&identity.certificate, &identity.label), Some(NodeId(7)));
        fuzz::target("certificate").seeds([&identity.certificate]).run(|bytes| {
            node(bytes, &identity.label);
            if let Ok(text) = str::from_utf8(bytes)
                && let Some(node) = node_of(text, &identity.label)
            {
                assert_eq!(name(node, &identity.label), text);
            }
        });
    }

    #[test]
    fn short_secrets_are_refused() {
        let error = Authority::of("here", b"too short").unwrap_err();
        assert!(error.to_string().contains("at least 16"), "{error}");
        assert!(Authority::of("here", b"long enough for it").is_ok());
    }
}
