//! Sends requests to whichever node answers.

use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long a request may take through all of its attempts.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long one attempt may take: above what a node allows itself.
const ATTEMPT_MAX: Duration = Duration::from_secs(15);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// What a node may answer while others are down, besides what was asked for: nothing has happened, or
/// nobody knows, and asking again under the same key is safe.
pub(crate) const PASSING: [&str; 4] = ["shard_moved", "outcome_unknown", "timeout", "overloaded"];

/// Where nodes are now.
pub(crate) type Urls = watch::Receiver<Vec<String>>;

/// Somebody who sends requests.
#[derive(Clone)]
pub(crate) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    urls: Urls,
    token: String,
}

/// How a request was answered in the end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// From the first attempt to the last answer.
    pub(crate) took: Duration,
}

impl Client {
    /// Somebody without an account.
    pub(crate) fn new(urls: &Urls) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Self { http, urls: urls.clone(), token: String::new() }
    }

    /// The same, with the token of an account.
    pub(crate) fn with(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The token; empty without an account.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Sends a request under a key, to one node after the other, until it is answered for good.
    pub(crate) async fn send(
        &self,
        (method, path): (Method, &str),
        key: &str,
        body: &Value,
    ) -> Answered {
        let began = now();
        let mut last = String::new();
        for attempt in 0.. {
            let took = now() - began;
            assert!(took < PATIENCE, "{method} {path} is not answered: {last}");
            let url = {
                let urls = self.urls.borrow();
                urls[(attempt + path.len() + key.len()) % urls.len()].clone()
            };
            match self.once(&url, (&method, path), key, body).await {
                Ok((status, body)) => return Answered { status, body, took: now() - began },
                Err(why) => last = why,
            }
            sleep(PAUSE).await;
        }
        unreachable!("attempts do not run out")
    }

    /// Asks one node once, as a part of a trace.
    pub(crate) async fn ask(&self, uri: &str, traceparent: &str) -> (u16, Value) {
        let mut request = self.request(&Method::GET, uri, "", &Value::Null);
        let traceparent = HeaderValue::from_str(traceparent).expect("visible ASCII");
        request.headers_mut().insert("traceparent", traceparent);
        let asked = timeout(ATTEMPT_MAX, self.attempt(request)).await;
        asked.expect("it answers in time").expect("it answers")
    }

    /// Sends a request to one node, once.
    ///
    /// # Errors
    ///
    /// One of [`PASSING`], or why there is no answer.
    pub(crate) async fn once(
        &self,
        url: &str,
        (method, path): (&Method, &str),
        key: &str,
        body: &Value,
    ) -> Result<(u16, Value), String> {
        let request = self.request(method, &format!("{url}{path}"), key, body);
        let answer = timeout(ATTEMPT_MAX, self.attempt(request)).await;
        let (status, body) = answer.map_err(|_late| "no answer".to_owned())??;
        match body["code"].as_str() {
            Some(code) if PASSING.contains(&code) => Err(code.to_owned()),
            Some(_) | None => Ok((status, body)),
        }
    }

    async fn attempt(&self, request: Request<Full<Bytes>>) -> Result<(u16, Value), String> {
        let answer = self.http.request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?;
        let body = body.to_bytes();
        let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
        Ok((status, body.map_err(|error| error.to_string())?))
    }

    fn request(&self, method: &Method, uri: &str, key: &str, body: &Value) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method.clone()).uri(uri);
        if !self.token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let mut bytes = Bytes::new();
        if !body.is_null() {
            request = request.header(CONTENT_TYPE, "application/json");
            request = request.header("idempotency-key", key);
            bytes = body.to_string().into();
        }
        request.body(Full::new(bytes)).expect("paths and headers are plain ASCII")
    }
}

fn now() -> Instant {
    Instant::now()
}
