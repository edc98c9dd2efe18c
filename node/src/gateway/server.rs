//! Connections: how many, for how long, and how they end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use config::Config;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tower_layer::Layer;

use super::tls::{Greeted, Tls};

/// A connection, as long as somebody holds it: of a socket that is its session.
#[derive(Debug)]
pub(crate) struct Connection {
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

/// Longest time that requests in flight get to end when the server stops.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Pause after a failed accept, which is nearly always a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Between two looks whether the certificate for clients has been replaced.
const RENEW_PERIOD: Duration = Duration::from_secs(10);

/// Most bytes of the head of a request. Longer ones are answered 431 without being read.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Serves one listening socket.
pub struct Server {
    listener: TcpListener,
    wire: Wire,
    connections_max: usize,
}

/// How connections are spoken to.
#[derive(Clone)]
struct Wire {
    http: http1::Builder,
    tls: Tls,
    /// How long a client may take until it is known what it speaks.
    greeting_max: Duration,
}

impl Wire {
    async fn serve(
        self,
        stream: TcpStream,
        from: SocketAddr,
        router: Router,
        held: Arc<Connection>,
    ) {
        let greeted = tokio::select! {
            greeted = timeout(self.greeting_max, self.tls.greet(stream, from.ip())) => greeted,
            () = held.ended() => return,
        };
        match greeted {
            Ok(Ok(Greeted::Plain(stream))) => self.converse(stream, router, held).await,
            Ok(Ok(Greeted::Secured(stream))) => self.converse(*stream, router, held).await,
            Ok(Err(error)) => tracing::debug!(%from, %error, "a client is not understood"),
            Err(_late) => tracing::debug!(%from, "a client says nothing"),
        }
    }

    async fn converse<S>(self, stream: S, router: Router, held: Arc<Connection>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = Extension(Arc::clone(&held)).layer(router);
        let service = TowerToHyperService::new(service);
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection.with_upgrades());
        // A connection that breaks is the client's business.
        tokio::select! {
            broken = connection.as_mut() => broken.unwrap_or_default(),
            () = held.ended() => {
                connection.as_mut().graceful_shutdown();
                connection.await.ok();
            }
        }
    }
}

impl Server {
    /// Listens where the configuration says.
    ///
    /// # Errors
    ///
    /// What the system says, with the address; or what is wrong with the files for TLS.
    pub async fn bind(config: &Config) -> io::Result<Self> {
        let tls = Tls::open(&config.tls_cert_file, &config.tls_key_file)?;
        let address = config.listen;
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        };
        let listener = TcpListener::bind(address).await.map_err(named)?;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        http.header_read_timeout(config.header_timeout);
        http.max_header_size(HEAD_BYTES_MAX);
        let wire = Wire { http, tls, greeting_max: config.header_timeout };
        Ok(Self { listener, wire, connections_max: config.connections_max })
    }

    /// Where it listens, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves what `router` is when a connection begins, until `stop` comes, then lets requests in flight end, for at most [`DRAIN_MAX`].
    pub async fn run(mut self, router: watch::Receiver<Router>, stop: impl Future<Output = ()>) {
        let rooms = Arc::new(Semaphore::new(self.connections_max));
        let (end, ended) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        let mut renewal = interval(RENEW_PERIOD);
        loop {
            tokio::select! {
                () = &mut stop => break,
                ((stream, from), room) = self.accept(&rooms) => {
                    let held = Arc::new(Connection { ended: ended.clone(), _room: room });
                    let wire = self.wire.clone();
                    connections.spawn(wire.serve(stream, from, router.borrow().clone(), held));
                }
                Some(_) = connections.join_next() => {}
                _ = renewal.tick() => self.wire.tls.renew(),
            }
        }
        drop(self.listener);
        end.send_replace(true);
        let all = u32::try_from(self.connections_max).expect("at most a million");
        // Sockets have left their connections, and hold their rooms.
        if timeout(DRAIN_MAX, rooms.acquire_many(all)).await.is_err() {
            let connections = self.connections_max - rooms.available_permits();
            tracing::warn!(connections, "cut off after {DRAIN_MAX:?}");
        }
        connections.shutdown().await;
    }

    /// Accepts a connection once there is room for it.
    async fn accept(
        &self,
        rooms: &Arc<Semaphore>,
    ) -> ((TcpStream, SocketAddr), OwnedSemaphorePermit) {
        let room = Arc::clone(rooms).acquire_owned().await.expect("it is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    // Answers are small: waiting for more of them to send at once only delays.
                    stream.set_nodelay(true).ok();
                    return ((stream, from), room);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}
