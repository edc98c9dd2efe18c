//! A folder of a real disk.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::folder::{File, Folder};

/// Bytes that are kept for a full disk, so that a node can still shut down and delete.
pub const RESERVE_BYTES: u64 = 64 << 20;

const RESERVE: &str = "reserve";

/// A folder of a real disk.
#[derive(Debug)]
pub struct DiskFolder {
    path: PathBuf,
}

impl DiskFolder {
    /// Opens a folder; makes it, if need be, with `reserve_bytes` set aside.
    ///
    /// # Errors
    ///
    /// As the system has it. Without space for the reserve there is none.
    pub fn open(path: &Path, reserve_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let folder = Self { path: path.to_owned() };
        if reserve_bytes > 0 && !path.join(RESERVE).exists() {
            match folder.reserve(reserve_bytes) {
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    fs::remove_file(path.join(RESERVE))?;
                }
                done => done?,
            }
        }
        Ok(folder)
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        let file = fs::File::create(self.path.join(RESERVE))?;
        // Allocated, not only promised.
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?;
        file.sync_all()
    }

    /// Bytes that are free on the disk.
    ///
    /// # Errors
    ///
    /// As the system has it.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.path)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

impl Folder for DiskFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            names.extend(name.to_str().filter(|it| *it != RESERVE).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(Box::new(DiskFile(options.open(self.path.join(name))?)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }

    fn release_reserve(&self) -> bool {
        fs::remove_file(self.path.join(RESERVE)).is_ok()
    }
}

struct DiskFile(fs::File);

impl File for DiskFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.0.read_at(&mut buffer[read..], at + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
