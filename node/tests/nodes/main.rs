//! Three nodes in one process, on real files: what they keep when files are damaged, disks are full,
//! and nodes come and go.
#![expect(clippy::unwrap_used, reason = "tests")]

mod clocks;
mod damage;
mod full;
mod returning;
mod rig;
mod tally;
