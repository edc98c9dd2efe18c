//! Somebody who speaks QUIC, and proves to be a node if he has an identity.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use cluster::transport::NodeId;
use quinn::{Connecting, Connection, ConnectionError, Endpoint, EndpointConfig, TokioRuntime};

use super::identities::identity;
use super::world::World;
use crate::hello::{Hello, Purpose};
use crate::identity::{Identity, name};
use crate::tls;

pub(super) struct Stranger(Endpoint);

impl Stranger {
    /// On a socket of this machine.
    pub(super) fn real(identity: Option<&Identity>) -> Self {
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into());
        Self::with(endpoint.expect("a socket"), identity)
    }

    /// In a simulation.
    pub(super) fn simulated(world: &World, at: SocketAddr, identity: Option<&Identity>) -> Self {
        let (socket, runtime) = (world.network.bind(at), Arc::new(TokioRuntime));
        let config = EndpointConfig::default();
        let endpoint = Endpoint::new_with_abstract_socket(config, None, socket, runtime);
        Self::with(endpoint.expect("a socket"), identity)
    }

    fn with(mut endpoint: Endpoint, identity: Option<&Identity>) -> Self {
        endpoint.set_default_client_config(match identity {
            Some(identity) => tls::configs(identity).expect("it can be used").1,
            None => tls::without_certificate(&self::identity(9)),
        });
        Self(endpoint)
    }

    /// Begins to connect to the node that is there.
    pub(super) fn begin(&self, number: u32, at: SocketAddr) -> Connecting {
        let name = name(NodeId(number), &identity(number).label);
        self.0.connect(at, &name).expect("it can be tried")
    }

    pub(super) async fn dial(
        &self,
        number: u32,
        at: SocketAddr,
    ) -> Result<Connection, ConnectionError> {
        self.begin(number, at).await
    }

    /// Dials a node, and says hello.
    pub(super) async fn meet(
        &self,
        (number, at): (u32, SocketAddr),
        versions: (u16, u16),
    ) -> Connection {
        let connection = self.dial(number, at).await.expect("it answers");
        let (mut send, mut receive) = connection.open_bi().await.expect("it listens");
        let hello = Hello { versions, life: 7, purpose: Purpose::Messages };
        send.write_all(&hello.encode()).await.expect("it listens");
        let mut version = [0; 2];
        // Refused, if there is none.
        receive.read_exact(&mut version).await.ok();
        connection
    }
}
