//! Where feeds are found from outside.

use entity::{Method, Route};

use crate::feeds::home_feed::HomeFeed;

/// All routes of feeds.
pub fn routes() -> Vec<Route> {
    vec![Route::operation::<HomeFeed>(Method::Get, "/v1/me/feed")]
}
