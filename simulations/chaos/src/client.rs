//! Sends requests to nodes, and says what came of each.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use entity::{Id, Time};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::error::ChaosError;

/// How long one attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(2);

/// How long a request may take through all of its attempts: above all that happens to a cluster.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// How long one node has to answer before the next one is asked as well.
const IMPATIENCE: Duration = Duration::from_millis(300);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// What a node may answer while others are away, besides what was asked for: nothing has happened, or
/// nobody knows, and asking again under the same key is safe.
pub const PASSING: [&str; 5] =
    ["shard_moved", "outcome_unknown", "timeout", "overloaded", "not_ready"];

/// The header that names a request.
const REQUEST_ID: &str = "x-request-id";

/// What is sent to a node.
#[derive(Clone, Debug)]
pub struct Call {
    /// How.
    pub method: Method,
    /// Where, with the query.
    pub path: String,
    /// Makes repeats harmless.
    pub key: String,
    /// `Null` for none.
    pub body: Value,
}

impl Call {
    /// Asks.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), key: String::new(), body: Value::Null }
    }
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// It is done, or answered.
    Done(Value),
    /// It may be tried again under the same key: a code of [`PASSING`], or why there is no answer.
    Again(String),
    /// It was refused, with this status and code, and will be again.
    Refused(u16, String),
}

/// Somebody who sends requests.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    token: String,
    /// What nodes may answer besides [`PASSING`].
    passing: &'static [&'static str],
}

/// A request that is tried again and again, at one node after the other.
#[derive(Debug)]
pub(crate) struct Trying<'a> {
    pub(crate) urls: &'a [String],
    /// Which node gets it first.
    pub(crate) first: usize,
    /// What came of attempts that did not count, and how often.
    pub(crate) missed: &'a mut BTreeMap<String, u64>,
}

impl Client {
    /// Somebody without an account, who bears these codes besides [`PASSING`].
    pub fn new(passing: &'static [&'static str]) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Self { http, token: String::new(), passing }
    }

    /// The same, with a token.
    #[must_use]
    pub fn with(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The token; empty without one.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends a call to one node, once.
    pub async fn once(&self, url: &str, call: &Call) -> Told {
        match timeout(ATTEMPT_MAX, self.attempt(url, call)).await {
            Err(_late) => Told::Again("no_answer".to_owned()),
            Ok(Err(why)) => Told::Again(why),
            Ok(Ok((200..=299, body))) => Told::Done(body),
            Ok(Ok((status, body))) => {
                let code = body["code"].as_str().unwrap_or_default().to_owned();
                let passes = PASSING.iter().chain(self.passing).any(|it| *it == code);
                if passes { Told::Again(code) } else { Told::Refused(status, code) }
            }
        }
    }

    /// Sends a call that may be repeated until it is answered for good, and does not wait for one node before
    /// it asks the next one; [`Told::Again`] when patience has run out.
    pub(crate) async fn insist(&self, call: &Call, trying: Trying<'_>) -> Told {
        let Trying { urls, first, missed } = trying;
        let (began, mut asked) = (Instant::now(), FuturesUnordered::new());
        for url in urls.iter().cycle().skip(first) {
            asked.push(self.once(url, call));
            let next = sleep(IMPATIENCE);
            tokio::pin!(next);
            loop {
                let told = tokio::select! {
                    Some(told) = asked.next() => told,
                    () = &mut next => break,
                };
                let Told::Again(why) = told else { return told };
                *missed.entry(why).or_default() += 1;
                if asked.is_empty() {
                    sleep(PAUSE).await;
                    break;
                }
            }
            if began.elapsed() > PATIENCE {
                return Told::Again("no_answer_at_all".to_owned());
            }
        }
        Told::Again("no_node".to_owned())
    }

    /// Sends a call until it is answered for good; [`Told::Again`] when patience has run out.
    pub(crate) async fn persist(&self, call: &Call, trying: Trying<'_>) -> Told {
        let Trying { urls, first, missed } = trying;
        let (began, mut told) = (Instant::now(), Told::Again("no_node".to_owned()));
        for url in urls.iter().cycle().skip(first) {
            told = self.once(url, call).await;
            let Told::Again(why) = &told else { return told };
            *missed.entry(why.clone()).or_default() += 1;
            if began.elapsed() > PATIENCE {
                return told;
            }
            sleep(PAUSE).await;
        }
        told
    }

    /// Sends a call that has to come to something.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn must(&self, urls: &[String], call: &Call) -> Result<Value, ChaosError> {
        let trying = Trying { urls, first: call.key.len(), missed: &mut BTreeMap::new() };
        match self.persist(call, trying).await {
            Told::Done(body) => Ok(body),
            other @ (Told::Again(_) | Told::Refused(..)) => {
                let Call { method, path, .. } = call;
                Err(ChaosError::broken(format!("{method} {path}: {other:?}")))
            }
        }
    }

    /// What the clock of a node says: it is in the id that a request gets there.
    pub async fn clock(&self, url: &str) -> Option<Time> {
        let answer =
            timeout(ATTEMPT_MAX, self.http.request(self.request(url, &Call::get("/livez"))));
        let answer = answer.await.ok()?.ok()?;
        let id: Id = answer.headers().get(REQUEST_ID)?.to_str().ok()?.parse().ok()?;
        Some(id.time())
    }

    /// What a node says that is not JSON, once.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    pub async fn text(&self, url: &str, path: &str) -> Result<String, String> {
        let answer = timeout(ATTEMPT_MAX, self.exchange(url, &Call::get(path))).await;
        let (_, body) = answer.map_err(|_late| "no_answer".to_owned())??;
        String::from_utf8(body.into()).map_err(|error| error.to_string())
    }

    async fn attempt(&self, url: &str, call: &Call) -> Result<(u16, Value), String> {
        let (status, body) = self.exchange(url, call).await?;
        // Not all that nodes answer is JSON, and what is not has no fields.
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    async fn exchange(&self, url: &str, call: &Call) -> Result<(u16, Bytes), String> {
        let request = self.request(url, call);
        let broken = |_| "connection_broken".to_owned();
        let answer = self.http.request(request).await.map_err(|error| {
            let why = if error.is_connect() { "no_connection" } else { "connection_broken" };
            why.to_owned()
        })?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await.map_err(broken)?.to_bytes()))
    }

    fn request(&self, url: &str, call: &Call) -> Request<Full<Bytes>> {
        let uri = format!("{url}{}", call.path);
        let mut request = Request::builder().method(call.method.clone()).uri(uri);
        if !self.token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let mut bytes = Bytes::new();
        if !call.key.is_empty() {
            request = request.header("idempotency-key", &call.key);
        }
        if !call.body.is_null() {
            request = request.header(CONTENT_TYPE, "application/json");
            bytes = call.body.to_string().into();
        }
        request.body(Full::new(bytes)).expect("paths and headers are plain ASCII")
    }
}
