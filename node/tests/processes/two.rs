//! Two nodes lose nothing, but stop while either is away, and say so.

use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::author::Author;
use crate::client::{Client, PASSING};
use crate::cluster::Cluster;

/// What is published before one goes away, and after it came back.
const POSTS: usize = 20;

/// How often somebody tries to write meanwhile.
const ATTEMPTS: usize = 2;

const SAYING: &str = "Two nodes lose nothing, but stop while either is away.";

#[test]
fn two_nodes_say_what_they_can_do_and_do_it() {
    // Whoever waits for a quorum is answered soon.
    let mut cluster = Cluster::with("two", 2, &[("REQUEST_TIMEOUT_SECONDS", "1")]);
    assert!(cluster.greeting().contains(SAYING), "{}", cluster.greeting());
    assert!(cluster.operate(&["status"]).contains(SAYING));
    let (places, urls) = watch::channel(cluster.urls());
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let author = runtime.block_on(Author::register(&Client::new(&urls), 0));
    for post in 0..POSTS {
        runtime.block_on(author.publish(post));
    }

    cluster.strike("n2");
    for _ in 0..ATTEMPTS {
        let code = runtime.block_on(author.publish_in_vain(&cluster.url("n1"), POSTS));
        assert!(PASSING.contains(&&*code), "{code}");
    }
    let told = cluster.operate(&["status"]);
    assert!(told.contains(" NO ") && told.contains(SAYING), "{told}");

    cluster.revive(&["n2"]);
    places.send_replace(cluster.urls());
    runtime.block_on(async {
        for post in POSTS..2 * POSTS {
            author.publish(post).await;
        }
        author.check(2 * POSTS).await;
    });
}
