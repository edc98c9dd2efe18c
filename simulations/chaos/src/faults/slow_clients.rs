//! Clients that send a byte now and then, clients that say nothing at all, and sockets on which nobody says
//! who it is.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::scene::Scene;

/// How many of each kind come to each node.
const CLIENTS: usize = 150;

/// How long they go on.
const LASTING: Duration = Duration::from_secs(16);

/// Between two bytes.
const PACE: Duration = Duration::from_millis(500);

/// How long a client may take to say what it wants, by the settings of the nodes, with some delay.
const GREETING_MAX: Duration = Duration::from_secs(13);

/// How long a connection may take until the system has it.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// What a client says that never comes to an end.
const HEAD: &str = "GET /livez HTTP/1.1\r\nhost: x\r\nx: ";

/// What a client says that wants a socket.
pub(super) const UPGRADE: &str = "GET /connection/websocket HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n\
                       connection: upgrade\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

pub(super) const SLOW_CLIENTS: Fault = Fault {
    name: "slow-clients",
    about: "to each node come 150 clients that send a byte every half second, 150 that say nothing, and 150 \
            sockets on which nobody says who it is",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: true,
    possible: || Ok(()),
    happen,
};

/// What a slow client does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// It sends a byte now and then.
    Dripping,
    /// It says nothing.
    Silent,
    /// It gets a socket, and says nothing there.
    Socket,
}

/// A slow client.
struct Slow {
    kind: Kind,
    stream: TcpStream,
}

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    let mut slow = Vec::new();
    for node in 1..=NODES {
        for _ in 0..CLIENTS {
            for kind in [Kind::Dripping, Kind::Silent, Kind::Socket] {
                slow.push(Slow::new(kind, scene.cluster.address(node))?);
            }
        }
    }
    let (began, mut last) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < LASTING {
        let mut left = Vec::new();
        for client in slow {
            left.extend(client.go_on());
        }
        slow = left;
        if !slow.is_empty() {
            last = began.elapsed();
        }
        scene.rest(PACE)?;
    }
    scene.note(format!("the last of them was sent away after {:.1} s", last.as_secs_f64()));
    if last > GREETING_MAX {
        let kinds = [Kind::Dripping, Kind::Silent, Kind::Socket];
        let left = kinds.map(|kind| (slow.iter().filter(|it| it.kind == kind).count(), kind));
        return Err(ChaosError::broken(format!("after {last:?} there are still {left:?}")));
    }
    Ok(())
}

impl Slow {
    fn new(kind: Kind, address: SocketAddr) -> Result<Self, ChaosError> {
        let failed = || ChaosError::io("a slow client");
        let mut stream = TcpStream::connect_timeout(&address, CONNECT_MAX).map_err(failed())?;
        stream.set_nonblocking(true).map_err(failed())?;
        let says = match kind {
            Kind::Dripping => HEAD,
            Kind::Silent => "",
            Kind::Socket => UPGRADE,
        };
        stream.write_all(says.as_bytes()).map_err(failed())?;
        Ok(Self { kind, stream })
    }

    /// Goes on, unless it was sent away.
    fn go_on(mut self) -> Option<Self> {
        if self.kind == Kind::Dripping {
            self.stream.write_all(b"x").ok()?;
        }
        let mut said = [0; 1_024];
        match self.stream.read(&mut said) {
            // That it has a socket is no end.
            Ok(1..) if self.kind == Kind::Socket => Some(self),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(self),
            Ok(_) | Err(_) => None,
        }
    }
}
