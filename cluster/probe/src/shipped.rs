//! Whether this build may be shipped.

/// Whether a simulation can move anything in this build. A binary that ships refuses to be compiled then.
pub const IS_SIMULATED: bool = cfg!(feature = "simulated");
