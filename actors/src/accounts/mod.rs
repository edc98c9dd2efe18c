//! Accounts: who somebody is.
//!
//! An account gets its handle by a saga of two entities: the account reserves the handle, then
//! confirms it; whoever comes second is refused. Sessions belong to the account and are proved by a
//! [token](api::Token), of which only a digest is stored.
//!
//! - [`api`]: what accounts promise, with all `refusals`, [handles](handle_name) and [tokens](token)
//! - `account`: one account; `handle`: one handle
//! - [`register`], [`log_in`], [`me`]: operations
//! - `routes`: where all of it is found

mod account;
pub mod api;
mod handle;
pub mod handle_name;
pub mod log_in;
pub mod me;
mod refusals;
pub mod register;
mod routes;
pub mod token;

pub use account::{Account, Session, Sessions};
pub use handle::Holder;
pub use routes::routes;
