//! Sends requests to roost, and repeats them where that helps.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::world;

/// How often one request is sent at most. With the pauses between, about half a minute.
const TRIES_MAX: u32 = 16;

/// Longest pause before the second try; each later one is up to twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(50);

/// Longest pause of all.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Longest wait for an answer: above what roost itself allows for a request.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Longest answer that is read, in bytes: above a page of the longest posts, escaped as far as JSON can.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A request that may be sent several times.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The token of an account.
    pub(crate) token: Option<String>,
    /// Makes repeats harmless.
    pub(crate) key: String,
    pub(crate) body: Option<Value>,
}

/// How roost is reached.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    client: Client<HttpConnector, Full<Bytes>>,
    /// Nodes, without a slash at the end.
    to: Arc<[String]>,
    tries_max: u32,
}

/// Why a request came to nothing.
#[derive(Debug)]
pub enum ApiError {
    /// The address is none that can be used.
    Address {
        /// What was given.
        to: String,
    },
    /// roost cannot be reached, or is not ready, although it was tried again.
    Unavailable {
        /// What was tried.
        what: String,
        /// What happened the last time.
        last: String,
    },
    /// roost refused a request for good.
    Refused {
        /// What was tried.
        what: String,
        /// HTTP status.
        status: u16,
        /// What roost said.
        answer: String,
    },
}

/// What came of one try.
enum Try {
    Done(Value),
    Again(String),
    Refused(StatusCode, String),
}

impl Api {
    /// Prepares to send to an address such as `http://127.0.0.1:8080`.
    pub(crate) fn new(to: &str) -> Result<Self, ApiError> {
        Self::any(&[to.to_owned()])
    }

    /// Prepares to send to any of several nodes: what one does not answer is sent to the next one.
    pub(crate) fn any(to: &[String]) -> Result<Self, ApiError> {
        let to: Vec<_> = to.iter().map(|it| address(it)).collect::<Result<_, _>>()?;
        if to.is_empty() {
            return Err(ApiError::Address { to: String::new() });
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { client, to: to.into(), tries_max: TRIES_MAX })
    }

    /// The same, but nothing is tried again.
    pub(crate) fn once(self) -> Self {
        Self { tries_max: 1, ..self }
    }

    /// Sends a request until it is answered for good.
    pub(crate) async fn send(&self, call: &Call) -> Result<Value, ApiError> {
        let begin = world::chance() % self.to.len() as u64;
        let begin = usize::try_from(begin).expect("it was a length");
        let nodes = self.to.iter().cycle().skip(begin);
        let (mut pause_max, mut tried) = (PAUSE_FIRST, (String::new(), String::new()));
        for (node, _) in nodes.zip(0..self.tries_max) {
            let what = format!("{} {node}{}", call.method, call.path);
            match self.attempt(node, call).await {
                Try::Done(reply) => return Ok(reply),
                Try::Again(why) => tried = (what, why),
                Try::Refused(status, answer) => {
                    return Err(ApiError::Refused { what, status: status.as_u16(), answer });
                }
            }
            sleep(part_of(pause_max)).await;
            pause_max = (pause_max * 2).min(PAUSE_MAX);
        }
        let (what, last) = tried;
        Err(ApiError::Unavailable { what, last })
    }

    async fn attempt(&self, node: &str, call: &Call) -> Try {
        let sending = async {
            let answer = self.client.request(request(node, call)).await;
            let answer = answer.map_err(|error| format!("cannot be reached: {}", chain(&error)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| format!("the answer was cut off: {error}"))?;
            Ok::<_, String>((status, body.to_bytes()))
        };
        match timeout(ANSWER_MAX, sending).await {
            Err(_) => Try::Again("no answer came in time".to_owned()),
            Ok(Err(why)) => Try::Again(why),
            Ok(Ok((status, body))) => judge(status, &body),
        }
    }
}

/// An address without a slash at its end.
fn address(to: &str) -> Result<String, ApiError> {
    let wrong = || ApiError::Address { to: to.to_owned() };
    let uri: Uri = to.parse().ok().ok_or_else(wrong)?;
    let is_plain = uri.scheme_str() == Some("http") && uri.path() == "/";
    if !is_plain || uri.query().is_some() || uri.authority().is_none() {
        return Err(wrong());
    }
    Ok(to.trim_end_matches('/').to_owned())
}

fn request(node: &str, call: &Call) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(format!("{node}{}", call.path))
        .header("idempotency-key", &call.key);
    if let Some(token) = &call.token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let mut bytes = Bytes::new();
    if let Some(body) = &call.body {
        request = request.header(CONTENT_TYPE, "application/json");
        bytes = body.to_string().into();
    }
    request.body(Full::new(bytes)).expect("paths and headers are made of plain ASCII")
}

fn judge(status: StatusCode, body: &[u8]) -> Try {
    let text = || String::from_utf8_lossy(body).into_owned();
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Try::Again(text()),
        _ if !status.is_success() => Try::Refused(status, text()),
        _ if body.is_empty() => Try::Done(Value::Null),
        _ => serde_json::from_slice(body).map_or_else(|_| Try::Refused(status, text()), Try::Done),
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { to } => {
                write!(f, "--to is {to:?}; expected an address such as http://127.0.0.1:8080")
            }
            Self::Unavailable { what, last } => {
                write!(f, "{what}: {last}. Is roost running? Try again to go on")
            }
            Self::Refused { what, status, answer } => {
                write!(f, "{what}: refused with status {status}: {answer}")
            }
        }
    }
}

impl std::error::Error for ApiError {}

/// Some time up to `most`: those who wait for the same thing do not come back together.
fn part_of(most: Duration) -> Duration {
    let micros = u64::try_from(most.as_micros()).expect("pauses are short");
    Duration::from_micros(world::chance() % (micros + 1))
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |it| it.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        let cases = [
            ("http://127.0.0.1:8080", true),
            ("http://localhost/", true),
            ("https://localhost", false),
            ("localhost:8080", false),
            ("http://localhost/v1", false),
            ("http://localhost/?a", false),
            ("", false),
        ];
        for (to, expected) in cases {
            assert_eq!(Api::new(to).is_ok(), expected, "{to}");
        }
    }

    #[test]
    fn answers_are_judged() {
        let is_again = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            matches!(judge(status, b"{}"), Try::Again(_))
        };
        assert!([429, 503, 504].into_iter().all(is_again));
        assert!(![200, 201, 204, 401, 404, 409, 422, 500].into_iter().any(is_again));
        assert!(matches!(judge(StatusCode::OK, b"{\"a\":1}"), Try::Done(_)));
        assert!(matches!(judge(StatusCode::OK, b"<html>"), Try::Refused(..)));
    }
}
