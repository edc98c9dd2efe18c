//! A network in which each node is on a wire of its own, and a router between them that can be told to
//! lose what they send each other. Nothing of it reaches the machine's own network.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::error::ChaosError;

/// Where names of namespaces are kept: a file system of its own there.
const NAMES: &str = "/var/run/netns";

/// Makes a namespace for each node, each on a wire of its own, and becomes a program (the arguments) where
/// the wires come together. Ends before that where one of its steps is not possible.
const NETWORK: &str = r#"set -e
    mount -t tmpfs tmpfs /var/run
    echo 1 > /proc/sys/net/ipv4/ip_forward
    ip link set lo up
    for node in 1 2 3; do
        ip netns add n$node
        ip link add wire$node type veth peer name wire netns n$node
        ip address add 10.77.$node.1/24 dev wire$node
        ip link set wire$node up
        ip -n n$node link set lo up
        ip -n n$node address add 10.77.$node.2/24 dev wire
        ip -n n$node link set wire up
        ip -n n$node route add default via 10.77.$node.1
    done
    ip rule add from 10.77.1.2 to 10.77.2.2 blackhole
    ip rule del from 10.77.1.2 to 10.77.2.2 blackhole
    nsenter --net=/var/run/netns/n1 true
    exec "$0" "$@""#;

fn network(program: &Path, arguments: &[OsString]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-Urnm", "sh", "-c", NETWORK]).arg(program).args(arguments);
    command
}

/// Whether there can be such a network here.
///
/// # Errors
///
/// Why not.
pub fn possible() -> Result<(), String> {
    let output = network(Path::new("true"), &[]).output();
    let output = output.map_err(|error| format!("there is no unshare: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("there can be no networks: {}", errors.lines().last().unwrap_or_default()))
}

/// Becomes a program between the wires. Call it where that is [`possible`].
///
/// # Errors
///
/// This returns only when it does not.
pub fn enter(program: &Path, arguments: &[OsString]) -> ChaosError {
    ChaosError::Io("unshare".to_owned(), network(program, arguments).exec())
}

/// Runs a program between the wires, and yields what it said.
///
/// # Errors
///
/// [`ChaosError::Io`]
pub fn run(program: &Path, arguments: &[OsString]) -> Result<Output, ChaosError> {
    network(program, arguments).output().map_err(ChaosError::io("unshare"))
}

/// Whether this process is between the wires.
pub fn is_here() -> bool {
    fs::exists(Path::new(NAMES).join("n1")).unwrap_or(false)
}

/// What starts a program on the wire of a node, and becomes it.
pub(crate) fn within(node: usize) -> Vec<String> {
    vec!["nsenter".to_owned(), format!("--net={NAMES}/n{node}")]
}

/// Where a node is.
pub fn place(node: usize, port: u16) -> SocketAddr {
    let node = u8::try_from(node).expect("a few nodes");
    SocketAddr::from((Ipv4Addr::new(10, 77, node, 2), port))
}

/// What the router loses, without a word to anybody, until this is dropped.
#[derive(Debug)]
pub struct Lost(Vec<(usize, usize)>);

impl Lost {
    /// Whatever is sent from one node to another.
    ///
    /// # Errors
    ///
    /// When it cannot be lost.
    pub fn new(ways: &[(usize, usize)]) -> Result<Self, ChaosError> {
        let mut lost = Self(Vec::new());
        for way in ways {
            if !rule("add", *way) {
                return Err(ChaosError::broken(format!("{way:?} cannot be lost")));
            }
            lost.0.push(*way);
        }
        Ok(lost)
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        for way in &self.0 {
            // What stays lost is found by whoever waits for the nodes to find each other.
            rule("del", *way);
        }
    }
}

/// Adds or deletes the rule that loses what is sent one way. Yields whether that could be done.
fn rule(act: &str, (from, to): (usize, usize)) -> bool {
    let [from, to] = [from, to].map(|it| place(it, 0).ip().to_string());
    let mut command = Command::new("ip");
    let done = command.args(["rule", act, "from", &from, "to", &to, "blackhole"]).status();
    done.is_ok_and(|it| it.success())
}
