//! What an operator may set: typed settings with defaults, from a file, the environment and flags.
//!
//! In reading order:
//!
//! | module       | says                                                                 |
//! |--------------|----------------------------------------------------------------------|
//! | [`values`]   | every setting with its type, unit and default                        |
//! | [`fields`]   | how each setting is called and which values it may have              |
//! | [`mod@load`] | where settings come from, the later source winning                   |
//! | [`error`]    | what is wrong with a setting, and what to do                         |

pub mod error;
pub mod fields;
pub mod load;
pub mod values;

mod nearest;

pub use error::ConfigError;
pub use load::{load, merge};
pub use values::{Config, LogFormat};
