//! The secret that all nodes of a cluster share, and what follows from it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use entity::digest::{DIGEST_BYTES, sha256};
use quic::identity::SECRET_BYTES_MIN;

use crate::hex::hex;
use crate::world;

/// Most bytes of a secret: what is longer is some other file.
const SECRET_BYTES_MAX: usize = 4_096;

/// What all nodes of a cluster know, and nobody else. `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Why there is no secret.
#[derive(Debug)]
pub enum SecretError {
    /// The file cannot be read, or made.
    Io(PathBuf, io::Error),
    /// The file is too short, or too long, to be one.
    Size(PathBuf, usize),
}

impl Secret {
    /// One that nobody knows.
    pub fn random() -> Self {
        Self(hex(&world::secret()).into_bytes())
    }

    /// One that is known already.
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Reads the one in a file, without the space around it.
    ///
    /// # Errors
    ///
    /// [`SecretError`]
    pub fn read(file: &Path) -> Result<Self, SecretError> {
        let bytes = fs::read(file).map_err(|error| SecretError::Io(file.to_owned(), error))?;
        let secret = bytes.trim_ascii();
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len()) {
            return Err(SecretError::Size(file.to_owned(), secret.len()));
        }
        Ok(Self(secret.to_vec()))
    }

    /// Reads the one in a file; makes it, if there is none, so that only its owner can read it.
    ///
    /// # Errors
    ///
    /// [`SecretError`]
    pub fn read_or_make(file: &Path) -> Result<Self, SecretError> {
        let mut options = File::options();
        match options.write(true).create_new(true).mode(0o600).open(file) {
            Ok(mut new) => {
                let secret = Self::random();
                let written = new.write_all(&secret.0).and_then(|()| new.sync_all());
                written.map_err(|error| SecretError::Io(file.to_owned(), error))?;
                Ok(secret)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::read(file),
            Err(error) => Err(SecretError::Io(file.to_owned(), error)),
        }
    }

    /// The secret itself.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What follows from it for one purpose, and tells nothing of it.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; DIGEST_BYTES] {
        sha256(&[b"roost ", purpose.as_bytes(), &[0], &self.0].concat())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(file, error) => write!(f, "the secret {}: {error}", file.display()),
            Self::Size(file, bytes) => write!(
                f,
                "the secret {} has {bytes} bytes; expected {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}, \
                 made by chance, such as: head -c 32 /dev/urandom | base64",
                file.display()
            ),
        }
    }
}

impl std::error::Error for SecretError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once() {
        let file = std::env::temp_dir().join(format!("roost-secret-{}", std::process::id()));
        fs::remove_file(&file).ok();
        let made = Secret::read_or_make(&file).unwrap();
        assert_eq!(Secret::read_or_make(&file).unwrap().0, made.0);
        fs::write(&file, "  too short\n").unwrap();
        let error = Secret::read(&file).unwrap_err().to_string();
        assert!(error.contains("has 9 bytes; expected 16 to 4096"), "{error}");
        fs::remove_file(&file).unwrap();
        assert!(matches!(Secret::read(&file), Err(SecretError::Io(..))));
    }

    #[test]
    fn purposes_do_not_tell_of_each_other() {
        let secret = Secret::random();
        assert_ne!(secret.derive("operator"), secret.derive("repeats"));
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
