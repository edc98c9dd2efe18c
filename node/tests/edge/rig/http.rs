//! Requests and answers, byte by byte: a client that can be as wrong as it likes.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    line: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

/// A request to a method and path: `ask("GET /livez")`.
pub(crate) fn ask(line: &str) -> Ask {
    Ask { line: line.to_owned(), headers: Vec::new(), body: Vec::new() }
}

impl Ask {
    /// With a header, `Name: value`.
    pub(crate) fn header(mut self, header: impl Into<String>) -> Self {
        self.headers.push(header.into());
        self
    }

    /// With a token.
    pub(crate) fn token(self, token: &str) -> Self {
        self.header(format!("Authorization: Bearer {token}"))
    }

    /// With an `Idempotency-Key`.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header(format!("Idempotency-Key: {key}"))
    }

    /// With a body of JSON.
    pub(crate) fn json(self, body: impl AsRef<[u8]>) -> Self {
        self.header("Content-Type: application/json").bytes(body)
    }

    /// With a body of no declared type.
    pub(crate) fn bytes(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    fn encode(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} HTTP/1.1", self.line)];
        lines.extend(["Host: test", "Connection: close"].map(ToOwned::to_owned));
        lines.extend(self.headers.clone());
        if !self.body.is_empty() {
            lines.push(format!("Content-Length: {}", self.body.len()));
        }
        [lines.join("\r\n").as_bytes(), b"\r\n\r\n", &self.body].concat()
    }

    /// Sends it and waits for the answer.
    pub(crate) async fn send(&self, to: SocketAddr) -> Answer {
        let text = exchange(to, &self.encode()).await;
        Answer::parse(&text).unwrap_or_else(|| panic!("{self:?}: no answer in {text:?}"))
    }
}

/// Sends bytes and reads all that comes back.
pub(crate) async fn exchange(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.expect("the server listens");
    // A server that refuses early may close before all is written.
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8(answer).expect("answers are UTF-8")
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// Reads the last answer of an exchange.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(text);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_lowercase(), value.to_owned()))
        };
        Some(Self { status, headers: lines.filter_map(header).collect(), body: body.to_owned() })
    }

    /// The value of a header, whose name is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        &self.body
    }

    /// The body as JSON, null when there is none.
    pub(crate) fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A field of the body that is a string; empty when there is none.
    pub(crate) fn field(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    /// The code of a problem, whose form is checked.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        let code = problem["code"].as_str().expect("problems have codes");
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert_eq!(problem["type"], format!("urn:roost:problem:{code}"), "{self:?}");
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"), "{self:?}");
        assert!(problem["detail"].as_str().is_some_and(|it| it.ends_with('.')), "{self:?}");
        code.to_owned()
    }
}
