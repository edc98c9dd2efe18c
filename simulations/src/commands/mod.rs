//! What `sim` can be told.
//!
//! - [`run`]: one seed after another
//! - [`replay`]: one seed again
//! - [`shrink`]: a failure with less and less of everything
//! - [`mutants`]: that what is broken on purpose is found
//! - [`arguments`]: how worlds, seeds and mutants are written
//! - [`jobs`]: work that is shared among processes

pub mod arguments;
pub mod jobs;
pub mod mutants;
pub mod replay;
pub mod run;
pub mod shrink;
