//! A folder that is made for a bench, and thrown away afterwards.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::world;

/// A folder of its own. What is in it in the end goes with it.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// An empty one, among the temporary files of this machine.
    pub(super) fn new() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("roost-bench-{:016x}", world::chance()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "not removed");
        }
    }
}
