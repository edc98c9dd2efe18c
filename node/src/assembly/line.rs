//! The way to the other nodes, over QUIC.

use std::net::UdpSocket;
use std::sync::Arc;

use bytes::Bytes;
use quic::endpoint::{Addresses, Quic, Setup};
use quic::identity::Identity;

use super::plan::Connect;

/// A node that is found at this socket, and finds the others where `addresses` says.
pub fn over_quic(identity: Identity, socket: UdpSocket, addresses: Addresses) -> Connect {
    Box::new(move |home, deliver| {
        let home = home.clone();
        // Nobody has anything to ask yet.
        let answer = Arc::new(|_, _| Box::pin(async { Bytes::new() }) as _);
        let setup = Setup { home, identity, socket, addresses, deliver, answer };
        Ok(Arc::new(Quic::start(setup)?))
    })
}
