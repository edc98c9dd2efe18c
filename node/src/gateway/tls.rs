//! TLS for clients.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// With which byte a client begins that speaks TLS: the type of a record that holds a handshake.
const HANDSHAKE: u8 = 0x16;

/// What whoever speaks plain HTTP from elsewhere is told.
const PLAIN_REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
connection: close\r\ncontent-length: 38\r\n\r\nThis port speaks TLS. Try https://...\n";

/// How clients are spoken to.
#[derive(Clone)]
pub(super) struct Tls(Option<Arc<Certified>>);

/// With which certificate.
struct Certified {
    files: Files,
    contents: Contents,
    acceptor: TlsAcceptor,
}

/// Where certificate and key are.
#[derive(Clone)]
struct Files {
    certificates: PathBuf,
    key: PathBuf,
}

/// What certificate and key are.
#[derive(Eq, PartialEq)]
struct Contents {
    certificates: Vec<u8>,
    key: Vec<u8>,
}

/// A client that was understood.
pub(super) enum Greeted {
    /// It speaks plain HTTP, and may.
    Plain(TcpStream),
    /// It speaks TLS.
    Secured(Box<TlsStream<TcpStream>>),
}

impl Tls {
    /// Plain HTTP for everybody if no files are named.
    pub(super) fn open(certificates: &Path, key: &Path) -> io::Result<Self> {
        if certificates.as_os_str().is_empty() && key.as_os_str().is_empty() {
            return Ok(Self(None));
        }
        let files = Files { certificates: certificates.to_owned(), key: key.to_owned() };
        Ok(Self(Some(Arc::new(Certified::read(files)?))))
    }

    /// Goes on with what the files hold now, for connections that begin from now on. What is of no use
    /// changes nothing: perhaps only one of the files has been replaced so far.
    pub(super) fn renew(&mut self) {
        let Some(certified) = &self.0 else { return };
        match Certified::read(certified.files.clone()) {
            Ok(renewed) if renewed.contents == certified.contents => {}
            Ok(renewed) => {
                tracing::info!("clients get the certificate that has been put in place");
                self.0 = Some(Arc::new(renewed));
            }
            Err(error) => tracing::warn!(%error, "clients get the certificate from before"),
        }
    }

    /// Finds out what a client speaks. With TLS only this machine may speak plain HTTP: tools of
    /// operators, and whatever else ends TLS in front of this node.
    ///
    /// # Errors
    ///
    /// The client is not one, or gone.
    pub(super) async fn greet(&self, mut stream: TcpStream, from: IpAddr) -> io::Result<Greeted> {
        let Self(Some(certified)) = self else { return Ok(Greeted::Plain(stream)) };
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first == [HANDSHAKE] {
            return Ok(Greeted::Secured(Box::new(certified.acceptor.accept(stream).await?)));
        }
        if from.to_canonical().is_loopback() {
            return Ok(Greeted::Plain(stream));
        }
        // What is left unread would end the connection before the answer arrives.
        let mut said = [0; 4_096];
        let _bytes = stream.read(&mut said).await?;
        stream.write_all(PLAIN_REFUSED).await?;
        Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak TLS"))
    }
}

impl Certified {
    fn read(files: Files) -> io::Result<Self> {
        let Files { certificates, key } = &files;
        let contents = Contents {
            certificates: read(certificates, "tls_cert_file")?,
            key: read(key, "tls_key_file")?,
        };
        let chain = CertificateDer::pem_slice_iter(&contents.certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unusable(certificates, &error))?;
        let secret =
            PrivateKeyDer::from_pem_slice(&contents.key).map_err(|error| unusable(key, &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, secret);
        let mut config = config.map_err(|error| unusable(certificates, &error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { files, contents, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

fn read(path: &Path, setting: &str) -> io::Result<Vec<u8>> {
    let named = |error: io::Error| {
        let what = format!("cannot read {setting} = {:?}: {error}", path.display().to_string());
        io::Error::new(error.kind(), what)
    };
    fs::read(path).map_err(named)
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    let what = format!("{} is of no use for TLS: {error}", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::path::PathBuf;

    use rcgen::generate_simple_self_signed;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::*;

    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn file(name: &str, text: &str) -> PathBuf {
        let file = std::env::temp_dir().join(format!("roost-tls-{}-{name}", std::process::id()));
        fs::write(&file, text).unwrap();
        file
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn only_this_machine_may_speak_plain_where_there_is_a_certificate() {
        let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (cert, key) =
            (file("c", &made.cert.pem()), file("k", &made.signing_key.serialize_pem()));
        let tls = Tls::open(&cert, &key).unwrap();
        for (tls, from, expected) in
            [(&Tls(None), ELSEWHERE, true), (&tls, HERE, true), (&tls, ELSEWHERE, false)]
        {
            let (mut client, server) = pair().await;
            client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            let greeted = tls.greet(server, from).await;
            assert_eq!(matches!(greeted, Ok(Greeted::Plain(_))), expected, "{from}");
            drop(greeted);
            let mut told = String::new();
            // A server that goes without having read everything resets the connection.
            client.read_to_string(&mut told).await.ok();
            assert_eq!(told.contains("This port speaks TLS"), !expected, "{told}");
        }
        assert!(trusts(made.cert.der(), &tls).await);
        for it in [cert, key] {
            fs::remove_file(it).unwrap();
        }
    }

    /// Whether a client that trusts a certificate alone is understood.
    async fn trusts(certificate: &CertificateDer<'static>, tls: &Tls) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (stream, server) = pair().await;
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(client));
        let (client, greeted) =
            tokio::join!(connector.connect(name, stream), tls.greet(server, ELSEWHERE));
        let (Ok(mut client), Ok(Greeted::Secured(mut server))) = (client, greeted) else {
            return false;
        };
        client.write_all(b"hello").await.unwrap();
        let mut said = [0; 5];
        server.read_exact(&mut said).await.unwrap();
        said == *b"hello"
    }

    #[tokio::test]
    async fn a_certificate_is_replaced_without_a_restart() {
        let named = || generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (old, new) = (named(), named());
        let cert = file("cert-renewed", &old.cert.pem());
        let key = file("key-renewed", &old.signing_key.serialize_pem());
        let mut tls = Tls::open(&cert, &key).unwrap();
        fs::write(&cert, new.cert.pem()).unwrap();
        tls.renew();
        assert!(trusts(old.cert.der(), &tls).await, "the key is still the old one");
        fs::write(&key, new.signing_key.serialize_pem()).unwrap();
        tls.renew();
        assert!(trusts(new.cert.der(), &tls).await && !trusts(old.cert.der(), &tls).await);
        for it in [cert, key] {
            fs::remove_file(it).unwrap();
        }
    }

    #[test]
    fn files_that_are_of_no_use_are_named() {
        let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let other = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let cert = file("cert", &made.cert.pem());
        let (key, junk) = (file("other", &other.signing_key.serialize_pem()), file("junk", "no"));
        let cases = [
            (cert.clone(), PathBuf::new(), "cannot read tls_key_file = \"\""),
            (PathBuf::from("/nowhere"), key.clone(), "cannot read tls_cert_file = \"/nowhere\""),
            (cert.clone(), key.clone(), "is of no use for TLS"),
            (cert.clone(), junk.clone(), "is of no use for TLS"),
            (junk.clone(), key.clone(), "is of no use for TLS"),
        ];
        for (cert, key, expected) in cases {
            let error = Tls::open(&cert, &key).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for it in [cert, key, junk] {
            fs::remove_file(it).unwrap();
        }
    }
}
