//! The log does what it promises, on files in memory and on real ones.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "threads are what is tested"
)]

mod recovery;
mod rig;
mod temporary;
mod writing;
