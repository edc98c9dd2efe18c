//! Decoders against whatever comes.
//!
//! A test gives a [`Target`] some inputs and a check. The inputs are changed by chance, over and over,
//! and the check must neither panic, nor hang, nor take more memory than the input explains. Where the
//! crates were compiled with counters (`./dev fuzz`), inputs that reach something new are kept, and
//! changed further.
//!
//! In reading order:
//!
//! - [`target`](mod@target): a decoder, and how it is tried
//! - [`hunt`]: one input after the other
//! - [`mutation`]: how an input becomes another one
//! - [`corpus`]: inputs that are kept, in files
//! - [`watch`]: what must not happen: panics, hangs, too much memory
//! - [`guard`]: what ends an input that takes for ever
//! - [`coverage`]: which places of the program were reached
//! - [`memory`]: how much of it a thread holds
//! - [`chance`]: random numbers
//!
//! For tests only: whatever is linked with it counts its memory.

pub mod chance;
pub mod corpus;
pub mod coverage;
pub mod guard;
pub mod hunt;
pub mod memory;
pub mod mutation;
pub mod target;
pub mod watch;

pub use target::{Target, target};
