//! What is answered while a node is not a part of its cluster yet.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;

use super::envelope::REQUEST_ID;
use super::pages::ALIVE;
use super::problem::{NOT_READY, respond};
use crate::world;

/// Says that the process runs, and otherwise what it waits for, as `why` has it.
pub fn waiting(why: watch::Receiver<String>) -> Router {
    let alive = || async { ([(header::CONTENT_TYPE, "application/json")], ALIVE).into_response() };
    Router::new().route("/livez", get(alive)).fallback(move || {
        let why = why.borrow().clone();
        async move { not_yet(&why) }
    })
}

fn not_yet(why: &str) -> Response {
    let id = world::id();
    let detail = format!("This node waits: {why}. Try again later, or ask another node.");
    let mut response = respond(&NOT_READY.because(detail), id);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id.to_string()).expect("ids are ASCII"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Whoever asks again gets whatever is served then.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
