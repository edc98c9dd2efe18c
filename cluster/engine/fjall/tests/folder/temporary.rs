use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A place for a folder, and for what is put next to it. Removed in the end.
pub(crate) struct Folder {
    parent: PathBuf,
    /// Where the engine is. Nothing is there at first.
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("engine-fjall-{}-{number}", std::process::id());
        let parent = std::env::temp_dir().join(name);
        fs::create_dir_all(&parent).expect("a temporary folder");
        Self { path: parent.join("engine"), parent }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.parent));
    }
}
