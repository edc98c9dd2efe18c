//! Every node is killed in turn, under load, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::author::Author;
use crate::client::Client;
use crate::cluster::Cluster;

/// Who writes, each after the answer to what it wrote before.
const AUTHORS: usize = 8;

/// Between two kills.
const REST: Duration = Duration::from_secs(2);

/// Longest that anybody may have to wait for an answer, with all attempts: far above what is usual, for
/// the machine that runs this has other things to do as well.
const WAIT_MAX: Duration = Duration::from_secs(20);

#[test]
fn every_node_is_killed_in_turn_and_nothing_is_lost() {
    let mut cluster = Cluster::new("killed", 3);
    let (places, known) = watch::channel(cluster.urls());
    let is_over = Arc::new(AtomicBool::new(false));
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let anybody = Client::new(&known);
    let mut writing = JoinSet::new();
    for name in 0..AUTHORS {
        let author = runtime.block_on(Author::register(&anybody, name));
        let is_over = Arc::clone(&is_over);
        writing.spawn_on(
            async move {
                let (posts, longest) = author.publish_until(&is_over).await;
                (author, posts, longest)
            },
            runtime.handle(),
        );
    }
    for node in ["n1", "n2", "n3"] {
        std::thread::sleep(REST);
        cluster.kill(node);
        places.send_replace(cluster.urls());
    }
    is_over.store(true, Ordering::Relaxed);
    let (mut all, mut longest) = (0, Duration::ZERO);
    for (author, posts, took) in runtime.block_on(writing.join_all()) {
        runtime.block_on(author.check(posts));
        (all, longest) = (all + posts, longest.max(took));
    }
    eprintln!("{all} posts, and the longest wait for one was {longest:?}");
    assert!(longest < WAIT_MAX, "{longest:?}");
}
