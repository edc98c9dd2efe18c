//! The services of roost, one folder each. They see the entity model and nothing else.
//!
//! | service      | is                                                                     |
//! |--------------|------------------------------------------------------------------------|
//! | [`accounts`] | who somebody is: handles, passwords, sessions                          |
//! | [`follows`]  | whom somebody follows                                                  |
//! | [`posts`]    | what somebody published, and who is to learn of it                     |
//! | [`feeds`]    | what is new for somebody: posts pushed to them, or pulled when they look |
//!
//! A service is a contract (`api`), one file per entity, and one per operation that needs more than
//! one command or query. Services use each other's `api` only. What all contracts
//! share is in [`page`] and `text`.

pub mod accounts;
pub mod feeds;
pub mod follows;
pub mod page;
pub mod posts;
mod services;
mod text;

pub use services::{channels, register, routes};
