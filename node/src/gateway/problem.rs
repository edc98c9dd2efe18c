//! Problems as RFC 9457 has them, and those that the gateway itself finds.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use entity::{Id, Problem, ProblemClass};
use serde_json::json;

/// Type of a problem's body.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// What `Retry-After` says, in seconds: long enough for a shard to find a new leader.
const RETRY_AFTER_SECONDS: u64 = 1;

const fn class(status: u16, code: &'static str) -> ProblemClass {
    ProblemClass { status, code }
}

/// The body ended early, or its framing is damaged.
pub(crate) const BODY_INCOMPLETE: ProblemClass = class(400, "body_incomplete");
/// The request has a body and should have none.
pub(crate) const BODY_UNEXPECTED: ProblemClass = class(400, "body_unexpected");
/// A parameter stands twice in the query string.
pub(crate) const DUPLICATE_PARAMETER: ProblemClass = class(400, "duplicate_parameter");
/// The `Idempotency-Key` is too long, or has other than visible ASCII characters.
pub(crate) const IDEMPOTENCY_KEY_INVALID: ProblemClass = class(400, "idempotency_key_invalid");
/// Objects and arrays of the body are nested too deeply.
pub(crate) const JSON_TOO_DEEP: ProblemClass = class(400, "json_too_deep");
/// The body is no JSON object, or names one field twice.
pub(crate) const MALFORMED_JSON: ProblemClass = class(400, "malformed_json");
/// The query string is not percent-encoded UTF-8.
pub(crate) const MALFORMED_QUERY: ProblemClass = class(400, "malformed_query");
/// The token is none, or no longer valid, or not of this cluster. Which one is not told.
pub(crate) const TOKEN_INVALID: ProblemClass = class(401, "token_invalid");
/// The route is for accounts and the request has no token.
pub(crate) const UNAUTHENTICATED: ProblemClass = entity::operation::NO_ACCOUNT;
/// Nothing is there, or nothing that the caller may know of.
pub(crate) const NOT_FOUND: ProblemClass = entity::route::NOT_FOUND;
/// The page that asks is of another site.
pub(crate) const ORIGIN_FORBIDDEN: ProblemClass = class(403, "origin_forbidden");
/// The path has other methods.
pub(crate) const METHOD_NOT_ALLOWED: ProblemClass = class(405, "method_not_allowed");
/// The body did not arrive in time.
pub(crate) const BODY_TIMEOUT: ProblemClass = class(408, "body_timeout");
/// The body is longer than the gateway allows.
pub(crate) const BODY_TOO_LARGE: ProblemClass = class(413, "body_too_large");
/// The body is of another type than JSON.
pub(crate) const UNSUPPORTED_MEDIA_TYPE: ProblemClass = class(415, "unsupported_media_type");
/// A field has a value that it cannot have.
pub(crate) const INVALID_INPUT: ProblemClass = entity::route::INVALID_INPUT;
/// The route has no such field.
pub(crate) const UNKNOWN_FIELD: ProblemClass = class(422, "unknown_field");
/// The path speaks another protocol.
pub(crate) const UPGRADE_REQUIRED: ProblemClass = class(426, "upgrade_required");

/// A header is too long.
pub(crate) const HEADER_TOO_LARGE: ProblemClass = class(431, "header_too_large");
/// A defect of roost.
pub(crate) const INTERNAL: ProblemClass = class(500, "internal");
/// Some shards do not serve.
pub(crate) const NOT_READY: ProblemClass = class(503, "not_ready");
/// The machine is busy with other requests of this kind. Nothing happened.
pub(crate) const OVERLOADED: ProblemClass = class(503, "overloaded");
/// Time ran out after a command was sent: whether it happened is not known.
pub(crate) const OUTCOME_UNKNOWN: ProblemClass = class(503, "outcome_unknown");
/// Time ran out before any command was sent. Nothing happened.
pub(crate) const TIMEOUT: ProblemClass = class(504, "timeout");

/// Writes `problem` as the answer to the request `id`.
pub(crate) fn respond(problem: &Problem, id: Id) -> Response {
    let Problem { class: ProblemClass { status, code }, detail } = problem;
    let body = json!({
        "type": type_of(code),
        "title": title(code),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": id,
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(*status).expect("classes have HTTP statuses");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    match status {
        401 => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        429 | 503 => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        _ => {}
    }
    response
}

/// Names a kind of problem among all on the internet.
pub(crate) fn type_of(code: &str) -> String {
    format!("urn:roost:problem:{code}")
}

/// A code as a title: `not_found` is "Not found".
fn title(code: &str) -> String {
    let mut title = code.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_depend_on_the_status() {
        let cases = [
            (TOKEN_INVALID, header::WWW_AUTHENTICATE, Some("Bearer")),
            (OVERLOADED, header::RETRY_AFTER, Some("1")),
            (NOT_FOUND, header::RETRY_AFTER, None),
            (NOT_FOUND, header::WWW_AUTHENTICATE, None),
        ];
        for (class, name, expected) in cases {
            let response = respond(&class.because("Because."), Id(1));
            let found = response.headers().get(&name).map(|it| it.to_str().expect("ASCII"));
            assert_eq!(found, expected, "{} {name}", class.code);
        }
    }

    #[test]
    fn titles_are_sentences() {
        assert_eq!(title("not_found"), "Not found");
        assert_eq!(title(""), "");
    }
}
