//! What surrounds every request: its name, its deadline, and the headers of its answer.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use cluster::request::Trace;
use entity::{Id, Problem};
use tokio::time::Instant;

use super::Gateway;
use super::problem::{HEADER_TOO_LARGE, INTERNAL, respond};
use super::trace;

/// Names the attempt in every answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest value of one header, in bytes. A token has 122.
pub(crate) const HEADER_BYTES_MAX: usize = 8 * 1024;

/// A request that took so long is worth a line of the log.
const SLOW: Duration = Duration::from_secs(1);

/// A request that has arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Names this attempt, in the answer and in the log.
    pub(crate) id: Id,
    /// Names what the client wants done, in the logs of all nodes: as it says itself, or as the id.
    pub(crate) trace: Trace,
    /// When it came.
    pub(crate) at: Instant,
    /// When it has to be answered.
    pub(crate) deadline: Instant,
}

impl Arrival {
    /// A request that arrives now. Its headers, if it has any, may name a trace.
    pub(crate) fn new(gateway: &Gateway, headers: Option<&HeaderMap>) -> Self {
        let (id, at) = (gateway.driver.ports.id(), Instant::now());
        let trace = headers.and_then(trace::of).unwrap_or(Trace(id.0));
        Self { id, trace, at, deadline: at + gateway.request_timeout }
    }

    /// Says what became of it.
    pub(crate) fn log(&self, what: fmt::Arguments<'_>, status: u16) {
        let (request, trace, took) = (self.id, self.trace, self.at.elapsed());
        if status == 500 {
            tracing::warn!(%request, %trace, status, ?took, "{what}");
        } else if took >= SLOW {
            tracing::info!(%request, %trace, status, ?took, "{what}");
        } else {
            tracing::debug!(%request, %trace, status, ?took, "{what}");
        }
    }
}

/// Lets a request through, and finishes its answer.
pub(crate) async fn envelope(
    State(gateway): State<Arc<Gateway>>,
    mut request: Request,
    next: Next,
) -> Response {
    let arrival = Arrival::new(&gateway, Some(request.headers()));
    let (method, path) = (request.method().clone(), request.uri().clone());
    request.extensions_mut().insert(arrival);
    let mut response = match check(request.headers()) {
        Err(problem) => respond(&problem, arrival.id),
        Ok(()) => caught(next.run(request)).await.unwrap_or_else(|Panicked| {
            tracing::error!(request = %arrival.id, "a request panicked");
            respond(&INTERNAL.because("A defect stopped the request. Report its id."), arrival.id)
        }),
    };
    // Without the query string: it may hold what is nobody's business.
    arrival.log(format_args!("{method} {}", path.path()), response.status().as_u16());
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
