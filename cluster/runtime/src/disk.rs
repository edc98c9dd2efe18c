//! The disk of a node, as whoever watches it says.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How full a disk is.
#[derive(Debug, Default)]
pub struct Disk {
    is_full: AtomicBool,
    used_bytes: AtomicU64,
    free_bytes: AtomicU64,
}

impl Disk {
    /// Whether it is nearly full: only commands are taken that make room.
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Says whether it is nearly full. Yields whether it was.
    pub fn set_full(&self, is_full: bool) -> bool {
        self.is_full.swap(is_full, Ordering::Relaxed)
    }

    /// Bytes that the node uses, a few seconds ago. 0: nobody has looked.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Says how many bytes the node uses.
    pub fn set_used(&self, bytes: u64) {
        self.used_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that are free. 0: none, or nobody has looked.
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Says how many bytes are free.
    pub fn set_free(&self, bytes: u64) {
        self.free_bytes.store(bytes, Ordering::Relaxed);
    }
}
