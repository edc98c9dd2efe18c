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

/// A client on the wire of a node, until it is gone without a word.
#[derive(Debug)]
pub struct Guest {
    node: usize,
    is_gone: bool,
}

impl Guest {
    /// Comes.
    ///
    /// # Errors
    ///
    /// When it has no place there.
    pub fn new(node: usize) -> Result<Self, ChaosError> {
        let guest = Self { node, is_gone: false };
        if guest.is_done("address", "add") {
            return Ok(guest);
        }
        Err(ChaosError::broken(format!("there is no place on the wire of node {node}")))
    }

    /// Where it is.
    pub fn address(&self) -> Ipv4Addr {
        let node = u8::try_from(self.node).expect("a few nodes");
        Ipv4Addr::new(10, 77, node, 3)
    }

    /// It is gone: what is sent to it is lost from now on.
    ///
    /// # Errors
    ///
    /// When it stays.
    pub fn vanish(&mut self) -> Result<(), ChaosError> {
        self.is_gone = self.is_done("rule", "add") && self.is_done("address", "del");
        if self.is_gone {
            return Ok(());
        }
        Err(ChaosError::broken(format!("{} stays", self.address())))
    }

    fn is_done(&self, what: &str, act: &str) -> bool {
        let (address, wire) = (self.address().to_string(), format!("wire{}", self.node));
        let place = format!("{address}/24");
        let mut command = Command::new("ip");
        command.args([what, act]);
        match what {
            "address" => command.args([&*place, "dev", &*wire]),
            _ => command.args(["to", &*address, "blackhole"]),
        };
        command.status().is_ok_and(|it| it.success())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Whoever comes next finds the place taken, and says so, if this is not possible.
        self.is_done(if self.is_gone { "rule" } else { "address" }, "del");
    }
}

/// Adds or deletes the rule that loses what is sent one way. Yields whether that could be done.
fn rule(act: &str, (from, to): (usize, usize)) -> bool {
    let [from, to] = [from, to].map(|it| place(it, 0).ip().to_string());
    let mut command = Command::new("ip");
    let done = command.args(["rule", act, "from", &from, "to", &to, "blackhole"]).status();
    done.is_ok_and(|it| it.success())
}
