//! Writes over HTTP/1.1, one at a time.

use std::error::Error;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::way::{ANSWER_MAX, NO_ANSWER, Told, Write, done, judge};

/// A connection to one node, made anew when it breaks.
pub(super) struct Http {
    /// As `host:port`.
    place: String,
    token: String,
    open: Option<SendRequest<Full<Bytes>>>,
    /// What moves the bytes of it.
    connection: JoinSet<()>,
}

impl Http {
    /// One that is opened when it is needed.
    pub(super) fn new(url: &str, token: &str) -> Self {
        let place = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { place, token: token.to_owned(), open: None, connection: JoinSet::new() }
    }

    /// Sends a write, and waits for the answer.
    pub(super) async fn write(&mut self, write: &Write) -> Told {
        let told = match timeout(ANSWER_MAX, self.attempt(write)).await {
            Ok(told) => told,
            Err(_late) => Err(NO_ANSWER.to_owned()),
        };
        told.unwrap_or_else(|code| {
            self.open = None;
            Told::Again(code)
        })
    }

    async fn attempt(&mut self, write: &Write) -> Result<Told, String> {
        let request = self.request(write);
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect().await.map_err(|_refused| "no_connection".to_owned())?,
        };
        let broken = |_: hyper::Error| "connection_broken".to_owned();
        open.ready().await.map_err(broken)?;
        let answer = open.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(broken)?.to_bytes();
        self.open = Some(open);
        let Ok(body) = serde_json::from_slice::<Value>(&body) else {
            return Ok(Told::Refused(format!("not_json_{status}")));
        };
        Ok(if status == StatusCode::OK {
            done(&body)
        } else {
            judge(body["code"].as_str().unwrap_or_default())
        })
    }

    fn request(&self, write: &Write) -> Request<Full<Bytes>> {
        let mut request = Request::put(format!("/v1/operator/probes/{}", write.probe))
            .header(HOST, &self.place)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json");
        if !write.key.is_empty() {
            request = request.header("idempotency-key", &write.key);
        }
        let body = json!({ "value": write.value }).to_string();
        request.body(Full::new(body.into())).expect("paths and headers are plain ASCII")
    }

    async fn connect(&mut self) -> Result<SendRequest<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.place).await?;
        stream.set_nodelay(true)?;
        let (open, connection) = handshake(TokioIo::new(stream)).await?;
        self.connection.abort_all();
        self.connection.spawn(async move {
            // Whoever sends on it learns that it has broken.
            connection.await.ok();
        });
        Ok(open)
    }
}
