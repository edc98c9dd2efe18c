//! Every random byte that a simulation asks the system for comes from its seed.
//!
//! It replaces `getrandom` of the C library, so that code which is not ours repeats as well: the order
//! of hash maps, and whatever else is drawn behind our backs. For simulations only: a program that
//! ships must never be linked with it. Known to work on Linux with glibc.
#![expect(unsafe_code, reason = "a function of the C library is replaced")]

mod getrandom;

pub use getrandom::seed;
