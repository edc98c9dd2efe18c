//! One address in front of all nodes, as a load balancer has it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes connections on, to one node after the other that takes them. It ends when it is dropped.
pub(crate) struct Balancer {
    /// Where it is.
    pub(crate) address: SocketAddr,
    nodes: watch::Sender<Vec<String>>,
    _work: JoinSet<()>,
}

impl Balancer {
    /// One in front of nodes at these places.
    pub(crate) async fn start(urls: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the system has ports");
        let address = listener.local_addr().expect("it is bound");
        let (nodes, known) = watch::channel(urls);
        let (turn, mut work) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        work.spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                passing.spawn(pass(client, known.clone(), Arc::clone(&turn)));
            }
        });
        Self { address, nodes, _work: work }
    }

    /// The nodes are at these places now.
    pub(crate) fn move_to(&self, urls: Vec<String>) {
        self.nodes.send_replace(urls);
    }
}

async fn pass(mut client: TcpStream, nodes: watch::Receiver<Vec<String>>, turn: Arc<AtomicUsize>) {
    let urls = nodes.borrow().clone();
    for _ in 0..urls.len() {
        let url = &urls[turn.fetch_add(1, Ordering::Relaxed) % urls.len()];
        if let Ok(mut node) = TcpStream::connect(url.trim_start_matches("http://")).await {
            // One side has had enough.
            copy_bidirectional(&mut client, &mut node).await.map(drop).ok();
            return;
        }
    }
}
