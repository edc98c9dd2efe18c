//! A node may have little memory, and clients send it bodies that never end.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::cluster::Ground;
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::process::Specially;
use crate::scene::Scene;

/// Memory that a node may have besides what it has when it begins, in MiB.
const MORE_MIB: u64 = 96;

/// Has the allocator take memory when it is needed, and not much more of it before: what is counted is what
/// may be used.
const LAZY: (&str, &str) = ("MIMALLOC_ARENA_EAGER_COMMIT", "0");

/// How many bodies come, and how much of each, in bytes: nearly all that a request may have. Together
/// they are more than the node may have.
const BODIES: usize = 4_000;
const BODY_BYTES: usize = 65_000;

/// How long that goes on.
const LASTING: Duration = Duration::from_secs(12);

/// Between two looks whether the node has ended because of it: it is started again then.
const LOOK: Duration = Duration::from_millis(500);

/// How long a connection may take until the system has it.
const CONNECT_MAX: Duration = Duration::from_secs(5);

pub(super) const MEMORY: Fault = Fault {
    name: "memory",
    about: "a node may have 96 MiB of memory more than it begins with, and 4,000 bodies are sent to it that do \
            not end",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: false,
    possible: || machine::has("prlimit"),
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    let node = scene.busiest()?;
    let settings = vec![(LAZY.0.to_owned(), LAZY.1.to_owned())];
    let lazily = Specially { settings: settings.clone(), ..Specially::default() };
    scene.cluster.kill(node)?;
    scene.cluster.start_specially(node, &lazily)?;
    scene.served()?;
    let bytes = scene.cluster.memory_bytes(node, "VmData") + (MORE_MIB << 20);
    let before = vec!["prlimit".to_owned(), format!("--data={bytes}:{bytes}")];
    let specially = Specially { before, settings };
    scene.cluster.kill(node)?;
    scene.cluster.start_specially(node, &specially)?;
    scene.served()?;
    let address = scene.cluster.address(node);
    let (mut bodies, mut ends, mut most, mut how) = (Vec::new(), 0, 0, String::new());
    for _ in 0..LASTING.as_millis() / LOOK.as_millis() {
        let missing = BODIES - bodies.len().min(BODIES);
        bodies.extend((0..missing.min(BODIES / 10)).filter_map(|_| body(address)));
        most = most.max(scene.cluster.memory_bytes(node, "VmRSS"));
        if let Some(status) = scene.cluster.ended(node)? {
            (ends, bodies) = (ends + 1, Vec::new());
            how = status.to_string();
            scene.cluster.start_specially(node, &specially)?;
        }
        scene.rest(LOOK)?;
    }
    scene.note(format!("{ends} ends ({how}), at most {} MiB", most >> 20));
    drop(bodies);
    if scene.cluster.ended(node)?.is_some() {
        scene.cluster.start_specially(node, &specially)?;
    }
    scene.served().map(drop)
}

/// Begins to send a body that does not end.
fn body(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_MAX).ok()?;
    stream.set_nonblocking(true).ok()?;
    let length = BODY_BYTES + 1;
    let head = format!(
        "POST /v1/accounts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    // What the system does not take at once does not matter.
    let taken = stream.write(&vec![b' '; BODY_BYTES]).ok()?;
    (taken > 0).then_some(stream)
}
