//! Points of the program that a simulation sees and moves. Without the feature `simulated` each of them
//! compiles to nothing, and what is in the table is not even built.
//!
//! In reading order:
//!
//! | module       | says                                                                     |
//! |--------------|--------------------------------------------------------------------------|
//! | `macros`     | the points: `mutant!`, `sometimes!`, `buggify!`, `knob!`, `bound!`       |
//! | `mutant`     | what can be broken on purpose: whoever checks has to find each of it     |
//! | `rare`       | rare states: many seeds have to reach each of them                       |
//! | `point`      | places where the program may do what is allowed and seldom happens       |
//! | `knob`       | limits and times that may be others, and how far                         |
//! | `setting`    | what a simulation wants, and what it saw, in one thread                  |
//! | [`shipped`]  | whether this build may be shipped                                        |

#[cfg(feature = "simulated")]
pub mod knob;
mod macros;
#[cfg(feature = "simulated")]
pub mod mutant;
#[cfg(feature = "simulated")]
mod named;
#[cfg(feature = "simulated")]
pub mod point;
#[cfg(feature = "simulated")]
pub mod rare;
#[cfg(feature = "simulated")]
pub mod setting;
pub mod shipped;

#[cfg(feature = "simulated")]
pub use knob::Knob;
#[cfg(feature = "simulated")]
pub use mutant::Mutant;
#[cfg(feature = "simulated")]
pub use point::Point;
#[cfg(feature = "simulated")]
pub use rare::Rare;
#[cfg(feature = "simulated")]
pub use setting::{Seen, Setting};
pub use shipped::IS_SIMULATED;
