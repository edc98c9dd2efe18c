//! Where accounts are found from outside.

use entity::route::Of;
use entity::{Method, Route};

use crate::accounts::api::{EndSession, FindOwner, ListSessions, Profile};
use crate::accounts::log_in::LogIn;
use crate::accounts::me::Me;
use crate::accounts::register::Register;

/// All routes of accounts.
pub fn routes() -> Vec<Route> {
    vec![
        Route::operation::<Register>(Method::Post, "/v1/accounts").anyone().creates(),
        Route::operation::<LogIn>(Method::Post, "/v1/sessions").anyone().creates(),
        Route::operation::<Me>(Method::Get, "/v1/me"),
        Route::query::<ListSessions>("/v1/me/sessions", Of::Caller),
        Route::command::<EndSession>(Method::Delete, "/v1/me/sessions/{session}", Of::Caller),
        Route::query::<Profile>("/v1/users/{user}", Of::Path("user")),
        Route::query::<FindOwner>("/v1/handles/{handle}", Of::Path("handle")),
    ]
}
