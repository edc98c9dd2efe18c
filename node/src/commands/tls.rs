//! A certificate for trying things out, which signs itself.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use config::Config;
use rcgen::generate_simple_self_signed;

/// Where certificate and key are.
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    /// Those of the configuration; otherwise those in `folder`, which are made if they are not there.
    pub(super) fn made(folder: &Path, config: &Config) -> io::Result<Self> {
        if !config.tls_cert_file.as_os_str().is_empty() {
            let (certificate, key) = (config.tls_cert_file.clone(), config.tls_key_file.clone());
            return Ok(Self { certificate, key });
        }
        let files = Self { certificate: folder.join("tls.pem"), key: folder.join("tls-key.pem") };
        if !(files.certificate.try_exists()? && files.key.try_exists()?) {
            files.make(config.listen)?;
        }
        Ok(files)
    }

    fn make(&self, listen: SocketAddr) -> io::Result<()> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let own = listen.ip().to_string();
        if !listen.ip().is_unspecified() && !names.contains(&own) {
            names.push(own);
        }
        let made = generate_simple_self_signed(names).map_err(io::Error::other)?;
        let mut key =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&self.key)?;
        key.write_all(made.signing_key.serialize_pem().as_bytes())?;
        fs::write(&self.certificate, made.cert.pem())
    }
}
