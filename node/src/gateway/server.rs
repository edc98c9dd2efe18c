//! The listening socket of a node.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use config::Config;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use super::hall::{Connection, Hall};
use super::tls::{Greeted, Tls};

/// Pause after a failed accept, which is nearly always a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Between two looks whether the certificate for clients has been replaced.
const RENEW_PERIOD: Duration = Duration::from_secs(10);

/// Serves one listening socket.
pub struct Server {
    listener: TcpListener,
    wire: Wire,
}

/// How connections are spoken to.
#[derive(Clone)]
struct Wire {
    hall: Hall,
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
            Ok(Ok(Greeted::Plain(stream))) => self.hall.converse(stream, router, held).await,
            Ok(Ok(Greeted::Secured(stream))) => self.hall.converse(*stream, router, held).await,
            Ok(Err(error)) => tracing::debug!(%from, %error, "a client is not understood"),
            Err(_late) => tracing::debug!(%from, "a client says nothing"),
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
        let wire = Wire { hall: Hall::new(config), tls, greeting_max: config.header_timeout };
        Ok(Self { listener, wire })
    }

    /// Where it listens, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves what `router` is when a connection begins, until `stop` comes, then lets requests in
    /// flight end, for at most [`DRAIN_MAX`](super::hall::DRAIN_MAX).
    pub async fn run(mut self, router: watch::Receiver<Router>, stop: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        let mut renewal = interval(RENEW_PERIOD);
        loop {
            tokio::select! {
                () = &mut stop => break,
                ((stream, from), held) = self.accept() => {
                    let wire = self.wire.clone();
                    connections.spawn(wire.serve(stream, from, router.borrow().clone(), held));
                }
                Some(_) = connections.join_next() => {}
                _ = renewal.tick() => self.wire.tls.renew(),
            }
        }
        drop(self.listener);
        self.wire.hall.close().await;
        connections.shutdown().await;
    }

    /// Accepts a connection once there is room for it.
    async fn accept(&self) -> ((TcpStream, SocketAddr), Arc<Connection>) {
        let held = self.wire.hall.enter().await;
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    // Answers are small: waiting for more of them to send at once only delays.
                    stream.set_nodelay(true).ok();
                    return ((stream, from), held);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}
