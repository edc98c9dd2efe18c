//! Checks of the source itself: what a reviewer would otherwise have to repeat.
//!
//! `tests/tidy.rs` runs every check over the workspace. A check is a pure function from files to
//! faults, and proves in its own tests that it finds a bad sample and leaves a good one alone.
//!
//! In reading order:
//!
//! - [`mod@file`], [`fault`]: what a check takes and gives
//! - [`lex`], [`functions`], [`paths`], [`manifest`]: reading Rust and `Cargo.toml`, well enough
//! - [`contents`], [`size`]: tables of contents hold no code; files and functions are short
//! - [`layers`], [`purity`]: who may use whom; what has no place in pure code
//! - [`gates`]: versions of others below which a known defect comes back
//! - [`names`], [`comments`], [`leftovers`]: words, comments, what should have been deleted
//! - [`services`], [`limits`]: what every service brings; what its contract states
//! - [`orphans`], [`twins`], [`documents`]: files nobody reaches, code and prose without a home
//! - [`run`], [`exceptions`]: all checks; what is excused, for now

pub mod comments;
pub mod contents;
pub mod documents;
pub mod exceptions;
pub mod fault;
pub mod file;
pub mod functions;
pub mod gates;
pub mod layers;
pub mod leftovers;
pub mod lex;
pub mod limits;
pub mod manifest;
pub mod names;
pub mod orphans;
pub mod paths;
pub mod purity;
pub mod run;
pub mod services;
pub mod size;
pub mod twins;
