//! Somebody whose socket follows a channel of posts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::way::ANSWER_MAX;
use super::wire::{WebSocket, connect};

/// Between two looks whether it is over.
const LOOK: Duration = Duration::from_millis(500);

/// A socket that follows a channel of posts.
pub(super) struct Reader {
    wire: WebSocket,
    position: u64,
}

/// What has come.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// The numbers of posts, and when they came.
    pub(super) posts: Vec<(u64, Instant)>,
    /// What came again.
    pub(super) duplicates: u64,
    /// Whether the connection has ended, or something was left out.
    pub(super) is_broken: bool,
}

#[derive(Deserialize)]
struct Subscribed {
    subscribe: Begun,
}

#[derive(Deserialize)]
struct Begun {
    offset: u64,
}

#[derive(Deserialize)]
struct Line {
    push: Push,
}

#[derive(Deserialize)]
struct Push {
    r#pub: Publication,
}

#[derive(Deserialize)]
struct Publication {
    offset: u64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    post: Post,
}

#[derive(Deserialize)]
struct Post {
    body: String,
}

impl Reader {
    /// Connects with the token of an account, and follows a channel of posts.
    pub(super) async fn open(url: &str, token: &str, channel: &str) -> Result<Self, String> {
        let mut wire = connect(url).await?;
        let hello = json!({ "id": 1, "connect": { "token": token } });
        let subscribe = json!({ "id": 2, "subscribe": { "channel": channel } });
        let said = Message::text(format!("{hello}\n{subscribe}"));
        wire.send(said).await.map_err(|error| error.to_string())?;
        while let Ok(Some(Ok(Message::Text(text)))) = timeout(ANSWER_MAX, wire.next()).await {
            let reply = text.lines().find_map(|it| serde_json::from_str::<Subscribed>(it).ok());
            if let Some(Subscribed { subscribe: Begun { offset } }) = reply {
                return Ok(Self { wire, position: offset });
            }
            if text.contains("\"error\"") {
                return Err(text.to_string());
            }
        }
        Err("the node does not answer a subscription".to_owned())
    }

    /// Reads until it is over.
    pub(super) async fn read(
        mut self,
        received: Arc<AtomicU64>,
        is_over: Arc<AtomicBool>,
    ) -> Received {
        let (mut all, mut look) = (Received::default(), interval(LOOK));
        while !is_over.load(Ordering::Relaxed) {
            let heard = tokio::select! {
                heard = self.wire.next() => heard,
                _ = look.tick() => continue,
            };
            match heard {
                Some(Ok(Message::Text(text))) if text.as_str() == "{}" => {
                    all.is_broken |= self.wire.send(Message::text("{}")).await.is_err();
                }
                Some(Ok(Message::Text(text))) => {
                    let now = Instant::now();
                    text.lines().for_each(|line| self.heard(line, now, &mut all));
                    received.fetch_add(text.lines().count() as u64, Ordering::Relaxed);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    all.is_broken = true;
                    return all;
                }
            }
        }
        all
    }

    fn heard(&mut self, line: &str, now: Instant, all: &mut Received) {
        let Ok(Line { push: Push { r#pub: Publication { offset, data } } }) =
            serde_json::from_str(line)
        else {
            all.is_broken = true;
            return;
        };
        if offset <= self.position {
            all.duplicates += 1;
            return;
        }
        all.is_broken |= offset > self.position + 1;
        self.position = offset;
        if let Ok(number) = data.post.body.parse() {
            all.posts.push((number, now));
        }
    }
}
