//! Several authors who write all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::author::Author;
use crate::client::Client;

/// How many, each of whom writes after the answer to what was written before.
const AUTHORS: usize = 8;

/// Longest that anybody may have to wait for an answer, with all attempts: far above what is usual, for
/// the machine that runs this has other things to do as well.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Between two looks at how many posts there are.
const LOOK: Duration = Duration::from_millis(20);

/// Authors at work.
pub(crate) struct Load {
    runtime: Runtime,
    places: watch::Sender<Vec<String>>,
    is_over: Arc<AtomicBool>,
    /// Posts that were acknowledged.
    count: Arc<AtomicUsize>,
    writing: JoinSet<(Author, usize, Duration)>,
}

impl Load {
    /// Begins to write to nodes at these places.
    pub(crate) fn new(urls: Vec<String>) -> Self {
        let (places, known) = watch::channel(urls);
        let (is_over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("the system has threads");
        let anybody = Client::new(&known);
        let mut writing = JoinSet::new();
        for name in 0..AUTHORS {
            let author = runtime.block_on(Author::register(&anybody, name));
            let (is_over, count) = (Arc::clone(&is_over), Arc::clone(&count));
            writing.spawn_on(
                async move {
                    let (posts, longest) = author.publish_until(&is_over, &count).await;
                    (author, posts, longest)
                },
                runtime.handle(),
            );
        }
        Self { runtime, places, is_over, count, writing }
    }

    /// Goes on at these places.
    pub(crate) fn move_to(&self, urls: Vec<String>) {
        self.places.send_replace(urls);
    }

    /// Waits until so many more posts are acknowledged.
    pub(crate) fn goes_on(&self, posts: usize) {
        let count = || self.count.load(Ordering::Relaxed);
        let enough = count() + posts;
        for _ in 0..WAIT_MAX.as_millis() / LOOK.as_millis() {
            if count() >= enough {
                return;
            }
            std::thread::sleep(LOOK);
        }
        panic!("{} of {enough} posts after {WAIT_MAX:?}", count());
    }

    /// Ends, and checks that all that was acknowledged is there, once and in order.
    pub(crate) fn check(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let (mut all, mut longest) = (0, Duration::ZERO);
        for (author, posts, took) in self.runtime.block_on(self.writing.join_all()) {
            self.runtime.block_on(author.check(posts));
            (all, longest) = (all + posts, longest.max(took));
        }
        eprintln!("{all} posts, and the longest wait for one was {longest:?}");
        assert!(longest < WAIT_MAX, "{longest:?}");
    }
}
