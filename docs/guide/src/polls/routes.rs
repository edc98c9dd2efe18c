//! Where polls are found from outside.

use entity::route::Of;
use entity::{Method, Route};

use crate::polls::api::{MyPolls, Results, Vote};
use crate::polls::open_poll::OpenPoll;

/// All routes of polls.
pub fn routes() -> Vec<Route> {
    vec![
        Route::operation::<OpenPoll>(Method::Post, "/v1/polls").creates(),
        Route::query::<Results>("/v1/polls/{poll}", Of::Path("poll")),
        Route::command::<Vote>(Method::Post, "/v1/polls/{poll}/votes", Of::Path("poll")),
        Route::query::<MyPolls>("/v1/me/polls", Of::Caller),
    ]
}
