//! The socket of a node, and the port [`Transport`] over it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;
use cluster::transport::{Lane, MESSAGE_BYTES_MAX, NodeId, Transport};
use futures::future::BoxFuture;
use quinn::{
    AsyncUdpSocket, ClientConfig, Connection, Endpoint, EndpointConfig, Runtime, TokioRuntime,
};
use quinn_proto::HashedConnectionIdGenerator;
use raft::home::{Home, Moment};
use raft::shared::Shared;
use rustix::net::sockopt;

use crate::acceptor::accept;
use crate::asking::ask;
use crate::dialer::{Outbox, keep};
use crate::hello::Farewell;
use crate::identity::Identity;
use crate::limits::{DATAGRAM_BYTES_MAX, SOCKET_BYTES};
use crate::tls::{TlsError, configs};

/// What the way to other nodes is made of.
pub struct Setup {
    /// What tasks have in common.
    pub home: Home,
    /// Who this node is.
    pub identity: Identity,
    /// Where others find it.
    pub socket: Socket,
    /// Where others are, as `host:port`, if that is known.
    pub addresses: Addresses,
    /// Told of every message, and whose it is. It must not wait.
    pub deliver: Deliver,
    /// Answers questions to this address.
    pub answer: Answer,
}

/// What datagrams come and go through: [`system_socket`], or a simulated one.
pub type Socket = Arc<dyn AsyncUdpSocket>;

/// Answers a question that somebody has asked whoever is here.
pub type Answer = Arc<dyn Fn(NodeId, Bytes) -> BoxFuture<'static, Bytes> + Send + Sync>;

/// Where nodes are.
pub type Addresses = Arc<dyn Fn(NodeId) -> Option<String> + Send + Sync>;

/// Told of messages.
pub type Deliver = Arc<dyn Fn(NodeId, Bytes) + Send + Sync>;

/// A socket of the system, in which [`SOCKET_BYTES`] may wait if the system lets them. Call it inside a
/// tokio runtime.
///
/// # Errors
///
/// As the system has it.
pub fn system_socket(socket: UdpSocket) -> io::Result<Socket> {
    sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BYTES)?;
    // Linux counts twice what it was asked for, and says no when it is too much by giving less.
    let bytes = sockopt::socket_recv_buffer_size(&socket)?;
    if bytes < SOCKET_BYTES {
        tracing::warn!(
            bytes,
            "the system lets few datagrams wait, and drops what comes on top: raise net.core.rmem_max"
        );
    }
    TokioRuntime.wrap_udp_socket(socket)
}

/// The way to the other nodes. Clones are the same.
#[derive(Clone)]
pub struct Quic(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) home: Home,
    pub(crate) endpoint: Endpoint,
    /// How connections are made.
    pub(crate) client: Shared<ClientConfig>,
    /// The cluster, in the names of nodes.
    pub(crate) label: String,
    pub(crate) addresses: Addresses,
    pub(crate) deliver: Deliver,
    pub(crate) answer: Answer,
    /// Drawn by chance: another one tells others that this node has begun anew.
    pub(crate) life: u64,
    /// Connections that have not said who they are.
    pub(crate) strangers: AtomicUsize,
    pub(crate) arrivals: Arrivals,
    pub(crate) refusals: Refusals,
    pub(crate) peers: Shared<BTreeMap<NodeId, Arc<Outbox>>>,
}

/// Why there is no way to other nodes.
#[derive(Debug)]
pub enum StartError {
    /// As the system has it.
    Io(io::Error),
    /// The identity cannot be used.
    Tls(TlsError),
}

impl Quic {
    /// Opens the way. Call it as a part of the node.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing is open then.
    pub fn start(setup: Setup) -> Result<Self, StartError> {
        let Setup { home, identity, socket, addresses, deliver, answer } = setup;
        let (server, client) = configs(&identity)?;
        let reset = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &identity.reset);
        let mut config = EndpointConfig::new(Arc::new(reset));
        // Otherwise it would take packets of an earlier life for no packets at all.
        let (key, _) = identity.reset.split_first_chunk().expect("32 bytes");
        let key = u64::from_le_bytes(*key);
        config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(key)));
        let mut seed = [0; 32];
        seed.chunks_exact_mut(8).for_each(|it| it.copy_from_slice(&home.seed().to_le_bytes()));
        config.rng_seed(Some(seed));
        config.max_udp_payload_size(DATAGRAM_BYTES_MAX).expect("between 1200 and 65527");
        let runtime = Arc::new(HomeRuntime(home.clone()));
        let endpoint = Endpoint::new_with_abstract_socket(config, Some(server), socket, runtime)?;
        let inner = Arc::new(Inner {
            life: home.seed(),
            home: home.clone(),
            endpoint,
            client: Shared::new(client),
            label: identity.label,
            addresses,
            deliver,
            answer,
            strangers: AtomicUsize::new(0),
            arrivals: Arrivals::default(),
            refusals: Refusals::default(),
            peers: Shared::default(),
        });
        home.spawn(accept(Arc::clone(&inner)));
        Ok(Self(inner))
    }

    /// Where others find this node.
    ///
    /// # Errors
    ///
    /// As the system has it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.endpoint.local_addr()
    }

    /// Proves itself with another certificate from now on. Connections that there are stay.
    ///
    /// # Errors
    ///
    /// When the identity cannot be used; the one before stays.
    pub fn renew(&self, identity: &Identity) -> Result<(), TlsError> {
        let (server, client) = configs(identity)?;
        self.0.endpoint.set_server_config(Some(server));
        self.0.client.with(|it| *it = client);
        Ok(())
    }

    /// Asks whoever is at an address, `host:port`, for so long at most. Yields who that is, and the answer.
    ///
    /// # Errors
    ///
    /// Why there is none. The question may have been answered all the same.
    pub async fn ask(
        &self,
        address: &str,
        question: Bytes,
        limit: Duration,
    ) -> Result<(NodeId, Bytes), String> {
        ask(&self.0, address, question, limit).await
    }

    /// Says farewell to all, and closes the way.
    pub async fn close(&self) {
        self.0.endpoint.close(Farewell::GoingDown.code(), Farewell::GoingDown.reason());
        self.0.endpoint.wait_idle().await;
    }
}

impl Transport for Quic {
    fn send(&self, to: NodeId, lane: Lane, message: Bytes) {
        if message.len() > MESSAGE_BYTES_MAX {
            tracing::error!(to = to.0, bytes = message.len(), "a message is too long, and dropped");
            return;
        }
        let (outbox, is_new) = self.0.peers.with(|peers| {
            let is_new = !peers.contains_key(&to);
            (Arc::clone(peers.entry(to).or_default()), is_new)
        });
        outbox.queue(lane.class).push(message);
        if is_new {
            self.0.home.spawn(keep(Arc::clone(&self.0), to, outbox));
        }
    }
}

/// Runs what quinn does as tasks of the node.
#[derive(Debug)]
struct HomeRuntime(Home);

impl Runtime for HomeRuntime {
    fn new_timer(&self, at: std::time::Instant) -> std::pin::Pin<Box<dyn quinn::AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(self.0.spawn(future));
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Socket> {
        system_socket(socket)
    }

    fn now(&self) -> std::time::Instant {
        TokioRuntime.now()
    }
}

/// The connections of other nodes: one of each.
#[derive(Default)]
pub(crate) struct Arrivals(Shared<BTreeMap<NodeId, Arrival>>);

struct Arrival {
    life: u64,
    connection: Connection,
}

impl Arrivals {
    /// A node has connected: an older connection of it is over. Two processes that take turns under one
    /// name are two nodes with one identity. Yields whether it has not been known in this life.
    fn arrived(&self, node: NodeId, life: u64, connection: &Connection) -> bool {
        let arrival = Arrival { life, connection: connection.clone() };
        let before = self.0.with(|arrivals| arrivals.insert(node, arrival));
        let Some(before) = before else { return true };
        let is_elsewhere = before.connection.remote_address() != connection.remote_address();
        // One that was killed comes back where it was.
        if before.life != life && is_elsewhere && before.connection.close_reason().is_none() {
            tracing::error!(
                peer = node.0,
                one = %before.connection.remote_address(),
                other = %connection.remote_address(),
                "two processes say that they are this node; the later one is believed"
            );
        }
        before.connection.close(Farewell::Replaced.code(), Farewell::Replaced.reason());
        before.life != life
    }

    /// Where a node is that is connected.
    fn address(&self, node: NodeId) -> Option<String> {
        self.0.with(|arrivals| {
            let connection = &arrivals.get(&node)?.connection;
            let is_there = connection.close_reason().is_none();
            is_there.then(|| connection.remote_address().to_string())
        })
    }
}

impl Inner {
    /// A node has connected.
    pub(crate) fn arrived(&self, node: NodeId, life: u64, connection: &Connection) {
        let outbox = || self.peers.with(|peers| peers.get(&node).map(Arc::clone));
        if self.arrivals.arrived(node, life, connection)
            && let Some(outbox) = outbox()
        {
            outbox.begins_anew(life);
        }
    }

    /// Where a node is. A node that has just joined has been told of nobody yet, and what it is told it
    /// has to answer: whoever has connected, and proved who it is, is found where it came from.
    pub(crate) fn address(&self, node: NodeId) -> Option<String> {
        (self.addresses)(node).or_else(|| self.arrivals.address(node))
    }
}

/// Who was refused. Told once in a while, however many there are.
#[derive(Default)]
pub(crate) struct Refusals(Shared<Refused>);

#[derive(Default)]
struct Refused {
    told: Option<Moment>,
    untold: u64,
}

/// Between two refusals that are told.
const REFUSALS_PERIOD: Duration = Duration::from_secs(1);

impl Refusals {
    pub(crate) fn refused(&self, address: SocketAddr, why: &str, home: &Home) {
        let now = home.now();
        let others = self.0.with(|refused| {
            if refused.told.is_some_and(|told| now - told < REFUSALS_PERIOD) {
                refused.untold += 1;
                return None;
            }
            refused.told = Some(now);
            Some(std::mem::take(&mut refused.untold))
        });
        if let Some(others) = others {
            tracing::warn!(%address, why, others, "a connection is refused");
        }
    }
}

impl fmt::Debug for Quic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Quic")
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TlsError> for StartError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}
