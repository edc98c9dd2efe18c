//! Real files.

use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs, process};

use wal::disk::DiskFolder;
use wal::folder::Folder;

/// A folder of the real disk that goes with the test.
pub(crate) struct Temporary(pub PathBuf);

impl Temporary {
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("roost-wal-{}-{name}", process::id()));
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn folder(&self) -> Arc<dyn Folder> {
        Arc::new(DiskFolder::open(&self.0, 0).unwrap())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
