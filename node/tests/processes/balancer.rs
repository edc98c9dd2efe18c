//! One address in front of all nodes, as a load balancer has it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What is passed on at once, in bytes.
const SOME_BYTES: usize = 64 * 1024;

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
        Self::late(urls, Duration::ZERO).await
    }

    /// The same, but answers come so much later.
    pub(crate) async fn late(urls: Vec<String>, late: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the system has ports");
        let address = listener.local_addr().expect("it is bound");
        let (nodes, known) = watch::channel(urls);
        let (turn, mut work) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        work.spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                passing.spawn(pass((client, late), known.clone(), Arc::clone(&turn)));
            }
        });
        Self { address, nodes, _work: work }
    }

    /// The nodes are at these places now.
    pub(crate) fn move_to(&self, urls: Vec<String>) {
        self.nodes.send_replace(urls);
    }
}

async fn pass(
    (client, late): (TcpStream, Duration),
    nodes: watch::Receiver<Vec<String>>,
    turn: Arc<AtomicUsize>,
) {
    let urls = nodes.borrow().clone();
    for _ in 0..urls.len() {
        let url = &urls[turn.fetch_add(1, Ordering::Relaxed) % urls.len()];
        if let Ok(node) = TcpStream::connect(url.trim_start_matches("http://")).await {
            // One side has had enough.
            converse(client, node, late).await.ok();
            return;
        }
    }
}

async fn converse(mut client: TcpStream, mut node: TcpStream, late: Duration) -> io::Result<()> {
    if late.is_zero() {
        return copy_bidirectional(&mut client, &mut node).await.map(drop);
    }
    let ((mut asks, mut is_told), (mut answers, mut is_asked)) = (client.split(), node.split());
    let telling = async {
        let mut some = vec![0; SOME_BYTES];
        loop {
            let count = answers.read(&mut some).await?;
            if count == 0 {
                return Ok(());
            }
            sleep(late).await;
            is_told.write_all(&some[..count]).await?;
        }
    };
    tokio::select! {
        asked = copy(&mut asks, &mut is_asked) => asked.map(drop),
        told = telling => told,
    }
}
