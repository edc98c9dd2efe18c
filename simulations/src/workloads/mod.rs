//! Load with a check: what clients do, and what must be true in the end.
//!
//! A workload knows of each of its operations whether it was done, refused, or nobody knows. Its
//! check is exact for the first two and allows both for the third.
//!
//! - [`crew`]: what a workload is, and its clients
//! - [`catalogue`]: all workloads by name
//! - [`counter`], [`bank`], [`letters`], [`register`], [`wakes`]: promises of the cluster, on entities made for it
//! - [`accounts`], [`follows`], [`posts`], [`feeds`]: promises of services

pub mod accounts;
pub mod bank;
pub mod catalogue;
pub mod counter;
pub mod crew;
pub mod feeds;
pub mod follows;
pub mod letters;
pub mod posts;
pub mod register;
pub mod wakes;

pub use crew::{Crew, Hands, Workload};
