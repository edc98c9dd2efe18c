//! Strangers at the ports where nodes hear each other: clients without a certificate of the cluster, noise, and
//! handshakes that stop half way.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::scene::Scene;
use crate::stranger::{Stranger, first_datagram};

/// How long noise goes on.
const LASTING: Duration = Duration::from_secs(12);

/// Between two bursts of it.
const PACE: Duration = Duration::from_millis(20);

/// Datagrams of a burst to each node that mean nothing: 5,000 per second.
const NOISE: u32 = 100;

/// Handshakes of a burst to each node that stop half way, each from another address: 250 per second.
const HALVES: u32 = 5;

/// Longest datagram of noise, in bytes.
const NOISE_BYTES_MAX: u64 = 1_472;

/// How long it may take until a node has said whom it refused: it says so once a second.
const TOLD_MAX: Duration = Duration::from_secs(15);

/// How much more memory a node may take.
const MORE_BYTES: u64 = 64 << 20;

/// What begins a packet that claims to begin a connection: a long header, version 1.
const INITIAL: [u8; 5] = [0xc0, 0, 0, 0, 1];

pub(super) const STRANGERS: Fault = Fault {
    name: "strangers",
    about: "clients without a certificate of the cluster come to the ports where nodes hear each other, and then \
            5,000 datagrams of noise and 250 handshakes that stop half way per second and node",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: true,
    possible: || Ok(()),
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    for own_certificate in [false, true] {
        let stranger = scene.ask(async { Stranger::new(own_certificate) })?;
        for node in 1..=NODES {
            refused(scene, &stranger, node)?;
        }
    }
    let first = scene.ask(first_datagram())?;
    let memory = |scene: &Scene<'_>| {
        (1..=NODES).map(|it| scene.cluster.memory_bytes(it, "VmRSS")).collect::<Vec<_>>()
    };
    let (before, began, mut more) = (memory(scene), Instant::now(), 0);
    while began.elapsed() < LASTING {
        for node in 1..=NODES {
            burst(scene, &first, scene.cluster.peer(node))?;
        }
        for (now, then) in memory(scene).into_iter().zip(&before) {
            more = more.max(now.saturating_sub(*then));
        }
        scene.rest(PACE)?;
    }
    scene.note(format!("each was refused and named; a node took at most {} MiB more", more >> 20));
    if more > MORE_BYTES {
        return Err(ChaosError::broken(format!("a node took {} MiB more", more >> 20)));
    }
    Ok(())
}

/// Connects until the node has said that it refused this address.
fn refused(scene: &mut Scene<'_>, stranger: &Stranger, node: usize) -> Result<(), ChaosError> {
    let (to, name) = (scene.cluster.peer(node), stranger.address()?.to_string());
    let what = format!("node {node} says that it has refused {name}");
    scene
        .until(&what, TOLD_MAX, |scene| {
            if scene.ask(stranger.stays(to))? {
                return Err(ChaosError::broken(format!("node {node} has let a stranger in")));
            }
            let log = scene.cluster.log(node);
            let mut told = log.lines().filter(|it| it.contains("a connection is refused"));
            let is_told = told.any(|it| it.contains(&name));
            Ok(if is_told { Ok(()) } else { Err("it does not".to_owned()) })
        })
        .map(drop)
}

fn burst(scene: &mut Scene<'_>, first: &[u8], to: SocketAddr) -> Result<(), ChaosError> {
    let socket = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let noise = socket().map_err(ChaosError::io("a socket"))?;
    for number in 0..NOISE {
        let length = 1 + scene.chance.below(NOISE_BYTES_MAX);
        let mut bytes: Vec<u8> =
            (0..length).map(|_| scene.chance.draw().to_le_bytes()[0]).collect();
        if number % 2 == 0 {
            bytes.splice(..INITIAL.len().min(bytes.len()), INITIAL);
        }
        // What the system has no room for is lost, as on any network.
        noise.send_to(&bytes, to).ok();
    }
    for _ in 0..HALVES {
        let half = socket().map_err(ChaosError::io("a socket"))?;
        half.send_to(first, to).ok();
    }
    Ok(())
}
