//! Messages between nodes of one process: bytes through a queue for each pair and direction.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use cluster::transport::{Lane, NodeId, Transport};
use quic::identity::Authority;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::tally::Tally;
use crate::assembly::{Connect, Line, Running, StartError, over_quic, say_nothing};
use crate::world;

/// Most messages that wait between two nodes. More are dropped, as a network would.
const MESSAGES_MAX: usize = 65_536;

/// Most messages that a node takes from another one at once.
const MESSAGES_TURN: usize = 256;

/// A node's way to the others, and to itself.
pub(super) struct Wires {
    to: BTreeMap<NodeId, Sender<Bytes>>,
    tally: Arc<Tally>,
}

/// What comes to a node: from whom, and through what.
pub(super) type Arrivals = Vec<(NodeId, Receiver<Bytes>)>;

impl Transport for Wires {
    fn send(&self, to: NodeId, _: Lane, message: Bytes) {
        self.tally.messages.fetch_add(1, Ordering::Relaxed);
        if let Some(wire) = self.to.get(&to)
            && wire.try_send(message).is_err()
        {
            tracing::warn!(to = to.0, "a message is dropped");
        }
    }
}

/// Connects all nodes with each other over QUIC, on sockets of this machine.
pub(super) fn connect_by_quic(nodes: &[NodeId]) -> Result<Vec<Connect>, StartError> {
    let secret = [world::chance().to_le_bytes(), world::chance().to_le_bytes()].concat();
    let authority = Arc::new(Authority::of("bench", &secret)?);
    let (mut places, mut sockets) = (BTreeMap::new(), Vec::new());
    for node in nodes {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        places.insert(*node, socket.local_addr()?.to_string());
        sockets.push((*node, socket));
    }
    let places = Arc::new(places);
    let connect = |(node, socket): (NodeId, UdpSocket)| {
        let places = Arc::clone(&places);
        let addresses = Arc::new(move |node: NodeId| places.get(&node).cloned());
        let (authority, answer) = (Arc::clone(&authority), say_nothing());
        over_quic(Line { authority, node, socket, addresses, answer })
    };
    Ok(sockets.into_iter().map(connect).collect())
}

/// Connects all nodes with each other.
pub(super) fn connect(nodes: &[NodeId], tally: &Arc<Tally>) -> Vec<(Wires, Arrivals)> {
    let mut arrivals: Vec<Arrivals> = nodes.iter().map(|_| Vec::new()).collect();
    let mut all = Vec::new();
    for from in nodes {
        let mut to = BTreeMap::new();
        for (node, arrivals) in nodes.iter().zip(&mut arrivals) {
            let (sender, receiver) = channel(MESSAGES_MAX);
            to.insert(*node, sender);
            arrivals.push((*from, receiver));
        }
        all.push(Wires { to, tally: Arc::clone(tally) });
    }
    all.into_iter().zip(arrivals).collect()
}

/// Hands a node what comes to it, for as long as it runs.
pub(super) fn deliver(running: &Running, arrivals: Arrivals) {
    let _entered = running.handle().enter();
    for (from, mut receiver) in arrivals {
        let node = running.node().clone();
        running.home().spawn(async move {
            let mut messages = Vec::with_capacity(MESSAGES_TURN);
            while receiver.recv_many(&mut messages, MESSAGES_TURN).await > 0 {
                messages.drain(..).for_each(|message| node.receive(from, message));
            }
        });
    }
}
