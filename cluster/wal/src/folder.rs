//! The port to the files of a node.

use std::io;

/// A folder of plain files.
pub trait Folder: Send + Sync {
    /// The names of its files, sorted.
    ///
    /// # Errors
    ///
    /// As the system has it.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Opens a file for reading and writing. One that is not there begins empty.
    ///
    /// # Errors
    ///
    /// As the system has it.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// As the system has it.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes durable which files there are.
    ///
    /// # Errors
    ///
    /// As the system has it. Nothing is known of the folder then.
    fn sync(&self) -> io::Result<()>;

    /// Gives back the space that is kept for a full disk. Yields whether there was any.
    fn release_reserve(&self) -> bool;
}

/// An open file.
pub trait File: Send + Sync {
    /// Its length, in bytes.
    ///
    /// # Errors
    ///
    /// As the system has it.
    fn length(&self) -> io::Result<u64>;

    /// Writes all of `bytes` at an offset. Not durable before [`File::sync`].
    ///
    /// # Errors
    ///
    /// `StorageFull` when the disk is full; a part may have been written.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Reads as much of `buffer` as there is behind an offset, and yields how much.
    ///
    /// # Errors
    ///
    /// As the system has it.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Cuts it.
    ///
    /// # Errors
    ///
    /// As the system has it.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    ///
    /// As the system has it. Nothing is known of the file then, and trying again would lie.
    fn sync(&self) -> io::Result<()>;
}
