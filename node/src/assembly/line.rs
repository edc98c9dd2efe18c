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

/// Between two certificates of a node: one that lasts is always at hand.
const RENEWAL_PERIOD: Duration = Duration::from_secs(CERTIFICATE_LASTING.as_secs() / 3);

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
    Box::new(move |home, deliver| {
        let Line { authority, node, socket, addresses, answer } = line;
        let identity = authority.vouch(node, world::wall())?;
        let socket = system_socket(socket)?;
        let setup = Setup { home: home.clone(), identity, socket, addresses, deliver, answer };
        let quic = Quic::start(setup)?;
        let (clock, renewed) = (home.clone(), quic.clone());
        home.spawn(async move {
            let mut pause = RENEWAL_PERIOD;
            loop {
                clock.sleep(pause).await;
                pause = match renew(&authority, node, &renewed) {
                    Ok(()) => RENEWAL_PERIOD,
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

fn renew(authority: &Authority, node: NodeId, quic: &Quic) -> Result<(), String> {
    let identity = authority.vouch(node, world::wall()).map_err(|error| error.to_string())?;
    quic.renew(&identity).map_err(|error| error.to_string())
}

/// Answers nothing: for nodes that know all there is to know.
pub fn say_nothing() -> Answer {
    Arc::new(|_, _| Box::pin(async { Bytes::new() }))
}
