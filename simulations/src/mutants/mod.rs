//! What is broken on purpose, and that it is found: checks that cannot fail would be worth nothing.
//!
//! - [`list`]: each mutant with the world it is hunted in, how many seeds that may take, and who has to
//!   notice
//! - [`hunt`]: the hunt for one of them
//! - [`kept`]: the seeds that found each of them last, in a file

pub mod hunt;
pub mod kept;
pub mod list;
