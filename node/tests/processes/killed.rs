//! Every node is killed in turn, under load, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::cluster::Cluster;

/// Who writes, each after the answer to what it wrote before.
const AUTHORS: usize = 8;

/// Between two kills.
const REST: Duration = Duration::from_secs(2);

/// Longest that anybody may have to wait for an answer, with all attempts: far above what is usual, for
/// the machine that runs this has other things to do as well.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Somebody with posts.
struct Author {
    client: Client,
    user: String,
    name: usize,
}

impl Author {
    async fn register(anybody: &Client, name: usize) -> Self {
        let account = json!({ "handle": format!("author{name}"), "password": "correct horse" });
        let key = format!("account-{name}");
        let made = anybody.send((Method::POST, "/v1/accounts"), &key, &account).await;
        assert_eq!(made.status, 201, "{made:?}");
        let text = |field: &str| made.body[field].as_str().unwrap_or_default().to_owned();
        Self { client: anybody.with(&text("token")), user: text("user"), name }
    }

    /// Publishes until it is time to stop. Yields how often, and how long the longest took.
    async fn publish(&self, is_over: &AtomicBool) -> (usize, Duration) {
        let (mut posts, mut longest) = (0, Duration::ZERO);
        while !is_over.load(Ordering::Relaxed) {
            let post = json!({ "body": text(self.name, posts) });
            let key = format!("post-{posts}");
            let sent = self.client.send((Method::POST, "/v1/me/feed"), &key, &post).await;
            assert_eq!(sent.status, 201, "{sent:?}");
            (posts, longest) = (posts + 1, longest.max(sent.took));
        }
        (posts, longest)
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

fn urls(cluster: &Cluster) -> Vec<String> {
    cluster.nodes().values().map(|it| it.url.clone()).collect()
}

#[test]
fn every_node_is_killed_in_turn_and_nothing_is_lost() {
    let mut cluster = Cluster::new("killed", 3);
    let (places, known) = watch::channel(urls(&cluster));
    let is_over = Arc::new(AtomicBool::new(false));
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let anybody = Client::new(&known);
    let mut writing = JoinSet::new();
    for name in 0..AUTHORS {
        let author = runtime.block_on(Author::register(&anybody, name));
        let is_over = Arc::clone(&is_over);
        writing.spawn_on(
            async move {
                let (posts, longest) = author.publish(&is_over).await;
                (author, posts, longest)
            },
            runtime.handle(),
        );
    }
    for node in ["n1", "n2", "n3"] {
        std::thread::sleep(REST);
        cluster.kill(node);
        places.send_replace(urls(&cluster));
    }
    is_over.store(true, Ordering::Relaxed);
    let (mut all, mut longest) = (0, Duration::ZERO);
    for (author, posts, took) in runtime.block_on(writing.join_all()) {
        let found = runtime.block_on(author.posts());
        let expected: Vec<_> = (0..posts).map(|post| text(author.name, post)).collect();
        assert_eq!(found, expected, "each once, in order");
        (all, longest) = (all + posts, longest.max(took));
    }
    eprintln!("{all} posts, and the longest wait for one was {longest:?}");
    assert!(longest < WAIT_MAX, "{longest:?}");
}
