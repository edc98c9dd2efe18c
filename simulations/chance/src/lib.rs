//! Random numbers: one stream for each purpose, all from one seed.

mod stream;

pub use stream::{Chance, Odds};
