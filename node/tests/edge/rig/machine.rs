//! What tests get from the machine they run on.

use std::path::PathBuf;

/// An environment variable, if it is set.
#[expect(clippy::disallowed_methods, reason = "it tells a test what is there to test with")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// An empty folder of this name, for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // What an earlier run left is of no use.
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir_all(&folder).expect("the folder for tests can be written");
    folder
}
