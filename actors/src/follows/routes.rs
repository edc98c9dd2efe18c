//! Where follows are found from outside.

use entity::route::Of;
use entity::{Method, Route};

use crate::follows::api::{Following, Unfollow};
use crate::follows::follow_user::FollowUser;

/// All routes of follows.
pub fn routes() -> Vec<Route> {
    vec![
        Route::query::<Following>("/v1/me/following", Of::Caller),
        Route::operation::<FollowUser>(Method::Put, "/v1/me/following/{user}"),
        Route::command::<Unfollow>(Method::Delete, "/v1/me/following/{user}", Of::Caller),
    ]
}
