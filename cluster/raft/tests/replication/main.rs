//! Groups, ledgers and logs, on files and rows in memory and on virtual time.
#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod groups;
mod rig;
mod upstream;
