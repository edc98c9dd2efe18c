//! Somebody who publishes, and what should be there then.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::client::Client;

/// The password of all of them.
pub(crate) const PASSWORD: &str = "correct horse";

/// Between the answer to one post and the next: an account has 10,000 Idempotency-Keys a day, which an
/// author without a pause uses up in half a minute on a fast machine.
const PAUSE: Duration = Duration::from_millis(10);

/// Somebody with posts.
pub(crate) struct Author {
    client: Client,
    user: String,
    name: usize,
}

impl Author {
    /// Gets an account.
    pub(crate) async fn register(anybody: &Client, name: usize) -> Self {
        let account = json!({ "handle": format!("author{name}"), "password": PASSWORD });
        let key = format!("account-{name}");
        let made = anybody.send((Method::POST, "/v1/accounts"), &key, &account).await;
        assert_eq!(made.status, 201, "{made:?}");
        let text = |field: &str| made.body[field].as_str().unwrap_or_default().to_owned();
        Self { client: anybody.with(&text("token")), user: text("user"), name }
    }

    /// Publishes until it is time to stop, with pauses, and counts. Yields how often, and how long the longest took.
    pub(crate) async fn publish_until(
        &self,
        is_over: &AtomicBool,
        count: &AtomicUsize,
    ) -> (usize, Duration) {
        let (mut posts, mut longest) = (0, Duration::ZERO);
        while !is_over.load(Ordering::Relaxed) {
            longest = longest.max(self.publish(posts).await);
            posts += 1;
            count.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
        (posts, longest)
    }

    /// Publishes the post of a number. Yields how long it took.
    pub(crate) async fn publish(&self, post: usize) -> Duration {
        let (key, body) = self.post(post);
        let sent = self.client.send((Method::POST, "/v1/me/feed"), &key, &body).await;
        assert_eq!(sent.status, 201, "{sent:?}");
        sent.took
    }

    /// Tries once to publish the post of a number at a node that cannot take it now. Yields what it says.
    pub(crate) async fn publish_in_vain(&self, url: &str, post: usize) -> String {
        let (key, body) = self.post(post);
        let sent = self.client.once(url, (&Method::POST, "/v1/me/feed"), &key, &body).await;
        sent.expect_err("it cannot be taken")
    }

    /// The key and the body of a post.
    fn post(&self, post: usize) -> (String, Value) {
        (format!("post-{post}"), json!({ "body": text(self.name, post) }))
    }

    /// Asks a node for the own account, as a part of a trace.
    pub(crate) async fn look(&self, url: &str, traceparent: &str) {
        let (status, me) = self.client.ask(&format!("{url}/v1/me"), traceparent).await;
        assert_eq!(status, 200, "{me}");
    }

    /// What it proves with who it is.
    pub(crate) fn token(&self) -> &str {
        self.client.token()
    }

    /// Who it is.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Checks that so many posts are there, each once, in order.
    pub(crate) async fn check(&self, posts: usize) {
        let expected: Vec<_> = (0..posts).map(|post| text(self.name, post)).collect();
        assert_eq!(self.posts().await, expected, "of author {}", self.name);
    }

    /// The texts of all posts, oldest first.
    async fn posts(&self) -> Vec<String> {
        let (mut texts, mut before) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/users/{}/posts?limit=100{before}", self.user);
            let page = self.client.send((Method::GET, &path), "", &Value::Null).await;
            assert_eq!(page.status, 200, "{page:?}");
            let items = page.body["posts"].as_array().expect("a page has posts");
            texts.extend(items.iter().map(|it| it["body"].as_str().unwrap_or_default().to_owned()));
            match page.body["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => break,
            }
        }
        texts.reverse();
        texts
    }
}

fn text(author: usize, post: usize) -> String {
    format!("post {post} of author {author}")
}
