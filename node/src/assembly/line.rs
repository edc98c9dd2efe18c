//! The way to the other nodes, over QUIC.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::transport::NodeId;
use quic::endpoint::{Addresses, Answer, Quic, Setup, system_socket};
use quic::identity::Authority;
use quic::limits::CERTIFICATE_LASTING;

use super::plan::Connect;
use crate::world;

/// Certificates of a node, one after the other, while one lasts: one that is good is always at hand.
const RENEWALS: u32 = 3;

/// Between two attempts to renew a certificate.
const RENEWAL_PAUSE: Duration = Duration::from_mins(10);

/// What a way to the other nodes is made of.
pub struct Line {
    /// Who vouches for the node.
    pub authority: Arc<Authority>,
    /// Which node.
    pub node: NodeId,
    /// Where others find it.
    pub socket: UdpSocket,
    /// Where others are.
    pub addresses: Addresses,
    /// Answers questions to this address.
    pub answer: Answer,
}

/// A node that is found at this socket, and finds the others where `addresses` says. Its certificate is
/// renewed as long as it runs.
pub fn over_quic(line: Line) -> Connect {
    with_certificates(line, CERTIFICATE_LASTING)
}

/// The same, with certificates that last so long.
fn with_certificates(line: Line, lasting: Duration) -> Connect {
    Box::new(move |home, deliver| {
        let Line { authority, node, socket, addresses, answer } = line;
        let identity = authority.vouch_for(node, world::wall(), lasting)?;
        let socket = system_socket(socket)?;
        let setup = Setup { home: home.clone(), identity, socket, addresses, deliver, answer };
        let quic = Quic::start(setup)?;
        let (clock, renewed) = (home.clone(), quic.clone());
        home.spawn(async move {
            let mut pause = lasting / RENEWALS;
            loop {
                clock.sleep(pause).await;
                pause = match renew(&authority, (node, lasting), &renewed) {
                    Ok(()) => lasting / RENEWALS,
                    Err(error) => {
                        tracing::error!(error, "the certificate is not renewed");
                        RENEWAL_PAUSE
                    }
                };
            }
        });
        Ok(Arc::new(quic))
    })
}

fn renew(
    authority: &Authority,
    (node, lasting): (NodeId, Duration),
    quic: &Quic,
) -> Result<(), String> {
    let identity = authority.vouch_for(node, world::wall(), lasting);
    quic.renew(&identity.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
}

/// Answers nothing: for nodes that know all there is to know.
pub fn say_nothing() -> Answer {
    Arc::new(|_, _| Box::pin(async { Bytes::new() }))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use cluster::transport::{Lane, Transport};
    use raft::home::{Drift, Home};
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
    use tokio::time::{sleep, timeout};

    use super::*;

    /// Short, and still so long that a busy machine renews in time. Certificates are good to the second.
    const LASTING: Duration = Duration::from_secs(3);

    /// Where each node is: the first one has the number 1.
    type Places = [SocketAddr; 2];

    struct Node {
        transport: Arc<dyn Transport>,
        arrived: UnboundedReceiver<NodeId>,
        /// Its tasks.
        _home: Home,
    }

    impl Node {
        fn start(number: u32, socket: UdpSocket, places: Places, lasting: Duration) -> Self {
            let authority = Authority::of("here", b"a secret that is long enough").unwrap();
            let addresses = move |node: NodeId| {
                let place = usize::try_from(node.0 - 1).ok()?;
                places.get(place).map(ToString::to_string)
            };
            let line = Line {
                authority: Arc::new(authority),
                node: NodeId(number),
                socket,
                addresses: Arc::new(addresses),
                answer: say_nothing(),
            };
            let (home, (sender, arrived)) =
                (Home::new(number.into(), Drift::default()), unbounded_channel());
            let deliver = move |from, _| sender.send(from).unwrap_or(());
            let connect = with_certificates(line, lasting);
            let transport = connect(&home, Arc::new(deliver)).unwrap();
            Self { transport, arrived, _home: home }
        }

        /// Says something until it arrives: what was said to nobody does not.
        async fn reaches(&self, number: u32, other: &mut Self) {
            for _ in 0..100 {
                self.transport.send(NodeId(number), Lane::usual(0), Bytes::from_static(b"there?"));
                let heard = timeout(Duration::from_millis(100), other.arrived.recv()).await;
                if heard.is_ok_and(|it| it.is_some()) {
                    return;
                }
            }
            panic!("node {number} is not reached");
        }
    }

    #[tokio::test]
    async fn whoever_outlives_its_first_certificate_has_another_one() {
        let sockets = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let places = sockets.each_ref().map(|it| it.local_addr().unwrap());
        let [one, two] = sockets;
        let mut old = Node::start(1, one, places, LASTING);
        sleep(2 * LASTING).await;
        let mut late = Node::start(2, two, places, CERTIFICATE_LASTING);
        late.reaches(1, &mut old).await;
        old.reaches(2, &mut late).await;
    }
}
