//! One request, from its head to its answer.

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use entity::{Caller, Method, Problem};
use serde_json::Value;
use tokio::time::timeout_at;

use super::Gateway;
use super::authentication::NOTHING;
use super::body;
use super::driver::Drive;
use super::endpoint::Endpoint;
use super::envelope::Arrival;
use super::idempotency::{IdempotencyKey, fingerprint, key_text, scope};
use super::problem::{BODY_TIMEOUT, NOT_FOUND, TIMEOUT, respond};

/// The parts of a path, or why they are none.
pub(crate) type PathParts = Result<RawPathParams, RawPathParamsRejection>;

/// Serves a request to any route.
pub(crate) async fn serve(
    gateway: &Gateway,
    endpoint: &Endpoint,
    arrival: Arrival,
    parts: PathParts,
    request: Request,
) -> Response {
    let response = match attempt(gateway, endpoint, arrival, parts, request).await {
        Ok(reply) => success(endpoint, &reply),
        Err(problem) => respond(&problem, arrival.id),
    };
    let status = response.status().as_u16();
    gateway.metrics.answered(endpoint.route.name, status, arrival.at.elapsed());
    response
}

async fn attempt(
    gateway: &Gateway,
    endpoint: &Endpoint,
    arrival: Arrival,
    parts: PathParts,
    request: Request,
) -> Result<Value, Problem> {
    let (head, body) = request.into_parts();
    let caller = authenticate(gateway, endpoint, arrival, &head).await?;
    let body = read_body(gateway, endpoint, arrival, &head, body).await?;
    // A part that is no UTF-8 names nothing.
    let parts = parts.ok().ok_or_else(|| NOT_FOUND.because(NOTHING))?;
    let parts = parts.iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
    let input = endpoint.input(parts, head.uri.query().unwrap_or_default(), &body)?;
    let key = idempotency_key(endpoint, &head, &caller, &body)?;
    let (deadline, trace) = (arrival.deadline, arrival.trace);
    let drive = Drive { caller, key, deadline, trace };
    gateway.driver.run(&drive, |cx| endpoint.route.run(input.clone(), cx)).await
}

async fn authenticate(
    gateway: &Gateway,
    endpoint: &Endpoint,
    arrival: Arrival,
    head: &Parts,
) -> Result<Caller, Problem> {
    let admitting = gateway.doorkeeper.admit(&head.headers, endpoint.route.access);
    let late = || TIMEOUT.because("Time ran out. Nothing happened; try again.");
    timeout_at(arrival.deadline, admitting).await.unwrap_or_else(|_| Err(late()))
}

async fn read_body(
    gateway: &Gateway,
    endpoint: &Endpoint,
    arrival: Arrival,
    head: &Parts,
    body: Body,
) -> Result<Bytes, Problem> {
    let reading = body::read(&head.headers, body, gateway.body_bytes_max);
    let late = || BODY_TIMEOUT.because("The body did not arrive in time. Nothing happened.");
    let body = timeout_at(arrival.deadline, reading).await.unwrap_or_else(|_| Err(late()))?;
    let is_optional = body.is_empty() && endpoint.may_be_empty();
    if endpoint.route.method.has_body() && !is_optional {
        body::check_type(&head.headers)?;
    }
    Ok(body)
}

/// The key of the request, if it has one and could change something.
fn idempotency_key(
    endpoint: &Endpoint,
    head: &Parts,
    caller: &Caller,
    body: &Bytes,
) -> Result<Option<IdempotencyKey>, Problem> {
    if endpoint.route.method == Method::Get {
        return Ok(None);
    }
    Ok(key_text(&head.headers)?.map(|text| {
        let scope = scope(caller, &text);
        let fingerprint = fingerprint(&head.method, &head.uri, body);
        IdempotencyKey { scope, text, fingerprint }
    }))
}

fn success(endpoint: &Endpoint, reply: &Value) -> Response {
    let mut response = Response::new(Body::empty());
    if endpoint.reply.is_none() {
        *response.status_mut() = StatusCode::NO_CONTENT;
        return response;
    }
    let json = HeaderValue::from_static("application/json");
    *response.status_mut() =
        StatusCode::from_u16(endpoint.route.success).expect("routes have HTTP statuses");
    *response.body_mut() = Body::from(reply.to_string());
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
