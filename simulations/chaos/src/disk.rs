//! A small file system that holds what a node stores, and can be filled up.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::ChaosError;

/// Bytes that are written at once, until the last ones.
const CHUNK_BYTES: usize = 1 << 20;

/// Has a small file system take the place of a folder (the first argument), with all that is in it.
const MOVE: &str = r#"set -e
    mv "$0" "$0-before"
    mkdir "$0"
    mount -t tmpfs -o "size=$1m" tmpfs "$0"
    cp -a --sparse=never "$0-before/." "$0"
    rm -r "$0-before""#;

/// A small disk. It is gone with this, and all that is on it.
#[derive(Debug)]
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Moves a folder that nobody uses to a disk of so many MiB.
    ///
    /// # Errors
    ///
    /// [`ChaosError`]
    pub(crate) fn give(folder: &Path, mib: u32) -> Result<Self, ChaosError> {
        let mut command = Command::new("sh");
        command.args(["-c", MOVE]).arg(folder).arg(mib.to_string());
        let output = command.output().map_err(ChaosError::io("a small disk"))?;
        if output.status.success() {
            return Ok(Self(folder.to_owned()));
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(ChaosError::broken(format!("there is no small disk: {errors}")))
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Io`]
    pub(crate) fn fill(&self) -> Result<(), ChaosError> {
        let named = || ChaosError::io(self.filling().display().to_string());
        let mut file = File::create(self.filling()).map_err(named())?;
        let mut chunk = CHUNK_BYTES;
        while chunk > 0 {
            match file.write(&vec![0; chunk]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => chunk /= 2,
                Err(error) => return Err(named()(error)),
            }
        }
        Ok(())
    }

    /// Gives back what was filled.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Io`]
    pub(crate) fn free(&self) -> Result<(), ChaosError> {
        let named = ChaosError::io(self.filling().display().to_string());
        fs::remove_file(self.filling()).map_err(named)
    }

    fn filling(&self) -> PathBuf {
        self.0.join("filling")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever removes the folder finds out.
        Command::new("umount").arg("-l").arg(&self.0).status().map(drop).ok();
    }
}
