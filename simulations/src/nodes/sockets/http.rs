//! A request of HTTP, over a connection of its own.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::deed::{Deed, Told};
use super::pipe::Pipe;

/// Asks, and reads the answer. What breaks on the way may have happened or not: it is asked for again.
pub async fn exchange(mut pipe: Pipe, deed: &Deed, (token, key): (&str, &str)) -> Told {
    let (method, path, body) = deed.http();
    let body = body.map(|it| it.to_string()).unwrap_or_default();
    let mut head = vec![format!("{method} {path} HTTP/1.1"), "host: roost".to_owned()];
    head.push("connection: close".to_owned());
    if !token.is_empty() {
        head.push(format!("authorization: Bearer {token}"));
    }
    if method != "GET" {
        head.push(format!("idempotency-key: {key}"));
    }
    if !body.is_empty() {
        head.push("content-type: application/json".to_owned());
        head.push(format!("content-length: {}", body.len()));
    }
    let request = format!("{}\r\n\r\n{body}", head.join("\r\n"));
    let mut answer = Vec::new();
    let exchanged = async {
        pipe.write_all(request.as_bytes()).await?;
        pipe.read_to_end(&mut answer).await
    };
    match exchanged.await {
        Ok(_bytes) => read(&String::from_utf8_lossy(&answer)).unwrap_or(Told::Again),
        Err(_broken) => Told::Again,
    }
}

/// What a whole answer says; none if its end is missing.
fn read(answer: &str) -> Option<Told> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status: u64 = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
    let length: usize = length.map_or(Some(0), |it| it.parse().ok())?;
    if body.len() < length {
        return None;
    }
    let said = if body.is_empty() { Some(Value::Null) } else { serde_json::from_str(body).ok() };
    Some(match status {
        200..300 => Told::Done(said?),
        _ => Told::error(status, &body),
    })
}
