//! Connections under way: how many, and how they end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use config::Config;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tower_layer::Layer;

/// Longest time that requests in flight get to end when the server stops.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Most bytes of the head of a request. Longer ones are answered 431 without being read.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Connections under way, up to a bound. Clones are the same.
#[derive(Clone)]
pub struct Hall {
    http: http1::Builder,
    rooms: Arc<Semaphore>,
    connections_max: usize,
    end: watch::Sender<bool>,
}

/// A connection, as long as somebody holds it: of a socket that is its session.
#[derive(Debug)]
pub struct Connection {
    ended: watch::Receiver<bool>,
    _room: OwnedSemaphorePermit,
}

impl Connection {
    /// Waits until the server stops.
    pub(crate) async fn ended(&self) {
        // Whoever could say so is gone: that says as much.
        self.ended.clone().wait_for(|it| *it).await.map(drop).ok();
    }
}

impl Hall {
    /// Nobody is there yet.
    pub fn new(config: &Config) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        http.header_read_timeout(config.header_timeout);
        http.max_header_size(HEAD_BYTES_MAX);
        let connections_max = config.connections_max;
        let rooms = Arc::new(Semaphore::new(connections_max));
        Self { http, rooms, connections_max, end: watch::Sender::new(false) }
    }

    /// Waits until there is room for one more connection.
    ///
    /// # Panics
    ///
    /// Never: rooms are not closed.
    pub async fn enter(&self) -> Arc<Connection> {
        let room = Arc::clone(&self.rooms).acquire_owned().await.expect("it is never closed");
        Arc::new(Connection { ended: self.end.subscribe(), _room: room })
    }

    /// Speaks HTTP, and what that is upgraded to, until one side has had enough or the server stops.
    pub async fn converse<S>(self, stream: S, router: Router, held: Arc<Connection>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = Extension(Arc::clone(&held)).layer(router);
        let service = TowerToHyperService::new(service);
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection.with_upgrades());
        // A connection that breaks is the client's business.
        tokio::select! {
            biased;
            broken = connection.as_mut() => broken.unwrap_or_default(),
            () = held.ended() => {
                connection.as_mut().graceful_shutdown();
                connection.await.ok();
            }
        }
    }

    /// Tells everybody that it ends, and waits until they have gone, for at most [`DRAIN_MAX`].
    ///
    /// # Panics
    ///
    /// Never: `config` bounds how many there are.
    pub async fn close(&self) {
        self.end.send_replace(true);
        let all = u32::try_from(self.connections_max).expect("at most a million");
        // Sockets have left their connections, and hold their rooms.
        if timeout(DRAIN_MAX, self.rooms.acquire_many(all)).await.is_err() {
            let connections = self.connections_max - self.rooms.available_permits();
            tracing::warn!(connections, "cut off after {DRAIN_MAX:?}");
        }
    }
}
