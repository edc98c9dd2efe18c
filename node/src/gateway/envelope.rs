//! What surrounds every request: its name, its deadline, and the headers of its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use entity::{Id, Problem};
use tokio::time::Instant;

use super::Gateway;
use super::problem::{HEADER_TOO_LARGE, INTERNAL, respond};
use crate::world;

/// Names the attempt in every answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest value of one header, in bytes. A token has 122.
pub(crate) const HEADER_BYTES_MAX: usize = 8 * 1024;

/// A request that has arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Names this attempt, in the answer and in the log.
    pub(crate) id: Id,
    /// When it has to be answered.
    pub(crate) deadline: Instant,
}

/// Lets a request through, and finishes its answer.
pub(crate) async fn envelope(
    State(gateway): State<Arc<Gateway>>,
    mut request: Request,
    next: Next,
) -> Response {
    let arrival = Arrival { id: world::id(), deadline: Instant::now() + gateway.request_timeout };
    request.extensions_mut().insert(arrival);
    let mut response = match check(request.headers()) {
        Err(problem) => respond(&problem, arrival.id),
        Ok(()) => caught(next.run(request)).await.unwrap_or_else(|Panicked| {
            tracing::error!(request = %arrival.id, "a request panicked");
            respond(&INTERNAL.because("A defect stopped the request. Report its id."), arrival.id)
        }),
    };
    let id = HeaderValue::from_str(&arrival.id.to_string()).expect("ids are ASCII");
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn check(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.iter().find(|(_, value)| value.len() > HEADER_BYTES_MAX) {
        None => Ok(()),
        Some((name, _)) => Err(HEADER_TOO_LARGE
            .because(format!("The header {name} is longer than {HEADER_BYTES_MAX} bytes."))),
    }
}

/// The future panicked.
pub(crate) struct Panicked;

/// Yields what `future` does, or that it panicked. It is not polled again then, and what it left half
/// changed goes with it: requests share only channels and semaphores.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}
