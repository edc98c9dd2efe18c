//! Somebody presses Ctrl-C.

use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::author::Author;
use crate::client::Client;
use crate::cluster::Cluster;

/// What is published before.
const POSTS: usize = 20;

#[test]
fn ctrl_c_ends_all_of_it_and_it_goes_on_from_there() {
    let mut cluster = Cluster::in_terminal("interrupted", 3);
    let (places, urls) = watch::channel(cluster.urls());
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let author = runtime.block_on(Author::register(&Client::new(&urls), 0));
    for post in 0..POSTS {
        runtime.block_on(author.publish(post));
    }
    let (ended, is_anybody_left) = cluster.interrupt();
    cluster.start_again();
    assert!(ended.success() && !is_anybody_left, "{ended}, somebody is left: {is_anybody_left}");
    places.send_replace(cluster.urls());
    runtime.block_on(async {
        author.check(POSTS).await;
        author.publish(POSTS).await;
        author.check(POSTS + 1).await;
    });
}
