//! Clients that send a byte now and then, clients that say nothing at all, and followers of streams that
//! never read.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::scene::Scene;

/// How many of each kind come to each node.
const CLIENTS: usize = 200;

/// How long they go on.
const LASTING: Duration = Duration::from_secs(16);

/// Between two bytes.
const PACE: Duration = Duration::from_millis(500);

/// How long a client may take to say what it wants, by the settings of the nodes, with some delay.
const GREETING_MAX: Duration = Duration::from_secs(13);

/// How long a connection may take until the system has it.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// What a slow client says: it never comes to an end.
const HEAD: &[u8] = b"GET /livez HTTP/1.1\r\nhost: x\r\nx: ";

pub(super) const SLOW_CLIENTS: Fault = Fault {
    name: "slow-clients",
    about: "to each node come 200 clients that send a byte every half second, and 200 that say nothing",
    ground: Ground::Loopback,
    passing: &[],
    possible: || Ok(()),
    happen,
};

/// A client that is slow.
struct Slow {
    stream: TcpStream,
    /// Whether it says anything.
    speaks: bool,
}

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    let mut slow = Vec::new();
    for node in 1..=NODES {
        for number in 0..2 * CLIENTS {
            slow.push(Slow::new(scene.cluster.address(node), number % 2 == 0)?);
        }
    }
    let began = Instant::now();
    let mut last = Duration::ZERO;
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
        let what = format!("{} clients are still there after {last:?}", slow.len());
        return Err(ChaosError::broken(what));
    }
    Ok(())
}

impl Slow {
    fn new(address: SocketAddr, speaks: bool) -> Result<Self, ChaosError> {
        let made = TcpStream::connect_timeout(&address, CONNECT_MAX);
        let mut stream = made.map_err(ChaosError::io("a slow client"))?;
        stream.set_nonblocking(true).map_err(ChaosError::io("a slow client"))?;
        if speaks {
            stream.write_all(HEAD).map_err(ChaosError::io("a slow client"))?;
        }
        Ok(Self { stream, speaks })
    }

    /// Goes on, unless it was sent away.
    fn go_on(mut self) -> Option<Self> {
        if self.speaks {
            self.stream.write_all(b"x").ok()?;
        }
        let mut said = [0; 1_024];
        match self.stream.read(&mut said) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(self),
            // An answer that it did not wait for, or the end.
            Ok(_) | Err(_) => None,
        }
    }
}
