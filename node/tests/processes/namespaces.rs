//! Nodes in network namespaces of their own, and between them a router that can be told to lose what
//! they send each other.

use std::env::current_exe;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::cluster::SMALL;

/// How many nodes [`NETWORK`] has room for, numbered from 1.
pub(crate) const NODES: usize = 3;

/// How many shards they have.
pub(crate) const SHARDS: u32 = 4;

/// Makes a namespace for each node, each on a wire of its own, and runs a test (the first argument) where
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
    exec "$0" --ignored --exact "$1" --nocapture"#;

/// Seconds that a node tries a request: well below the time that one is cut off.
const REQUEST_SECONDS: &str = "3";

/// Runs a test between the wires. Says why, and yields nothing, where there can be no such place; else
/// what the test said.
pub(crate) fn between_wires(test: &str) -> Option<String> {
    let mut command = Command::new("unshare");
    command.args(["-Urnm", "sh", "-c", NETWORK]);
    command.arg(current_exe().expect("it runs")).arg(test);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIP {test}: there is no unshare: {error}");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if !said.contains("running 1 test") {
        eprintln!("SKIP {test}: there can be no networks here: {errors}");
        return None;
    }
    assert!(output.status.success(), "{said}\n{errors}");
    Some(errors.into_owned())
}

/// Where a node serves clients.
pub(crate) fn url(node: usize) -> String {
    format!("http://{}:8080", place(node))
}

/// Where some nodes serve clients.
pub(crate) fn urls(nodes: &[usize]) -> Vec<String> {
    nodes.iter().map(|it| url(*it)).collect()
}

fn place(node: usize) -> String {
    format!("10.77.{node}.2")
}

/// A cluster with a node in each namespace. It ends with the test.
pub(crate) struct Nodes {
    data: PathBuf,
    running: Vec<Child>,
}

impl Nodes {
    /// A new one, in a folder of this name that is new.
    pub(crate) fn new(name: &str) -> Self {
        let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run left is of no use.
        fs::remove_dir_all(&data).ok();
        fs::create_dir_all(&data).expect("the folder is ours");
        fs::write(data.join("secret"), "known to all of them").expect("the folder is ours");
        let mut nodes = Self { data, running: Vec::new() };
        for node in 1..=NODES {
            let child = start(&nodes.data, node);
            nodes.running.push(child);
        }
        nodes
    }

    /// The token of operators.
    pub(crate) fn operator(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
        command.arg("token").arg("--secret-file").arg(self.data.join("secret"));
        let output = command.output().expect("it starts");
        String::from_utf8(output.stdout).expect("it is UTF-8").trim().to_owned()
    }
}

fn start(data: &Path, node: usize) -> Child {
    let name = format!("n{node}");
    let log = File::create(data.join(format!("{name}.log"))).expect("the folder is ours");
    let peers: Vec<_> = (1..=NODES).map(|it| format!("{}:7400", place(it))).collect();
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/var/run/netns/{name}"));
    // It ends when its input does, should there be nobody left to end it.
    command.args([env!("CARGO_BIN_EXE_roost"), "node", "--leashed", "--name", &name]);
    command.args(["--cluster", "wires", "--peers", &peers.join(",")]);
    command.args(["--bind", &format!("{}:7400", place(node))]);
    command.args(["--listen", &format!("{}:8080", place(node))]);
    command.args(["--shards", &SHARDS.to_string()]);
    command.arg("--secret-file").arg(data.join("secret")).arg("--data").arg(data.join(&name));
    command.envs(SMALL).env("ROOST_REQUEST_TIMEOUT_SECONDS", REQUEST_SECONDS);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("it starts")
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in &mut self.running {
            // One that has ended is as good.
            child.kill().ok();
            child.wait().expect("it has ended");
        }
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.data).expect("it is ours");
        }
    }
}

/// What the router loses, without a word to anybody, until this is dropped.
pub(crate) struct Lost(&'static [(usize, usize)]);

impl Lost {
    /// Whatever is sent from one node to another.
    pub(crate) fn new(ways: &'static [(usize, usize)]) -> Self {
        for way in ways {
            assert!(rule("add", *way), "{way:?} cannot be lost");
        }
        Self(ways)
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        for way in self.0 {
            let is_kept = rule("del", *way);
            assert!(is_kept || std::thread::panicking(), "{way:?} is lost for good");
        }
    }
}

/// Adds or deletes the rule that loses what is sent one way. Yields whether that could be done.
fn rule(act: &str, (from, to): (usize, usize)) -> bool {
    let (from, to) = (place(from), place(to));
    let mut command = Command::new("ip");
    let done = command.args(["rule", act, "from", &from, "to", &to, "blackhole"]).status();
    done.is_ok_and(|it| it.success())
}
