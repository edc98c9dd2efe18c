//! Nodes that are refused say why.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cluster::Cluster;

/// How long a node is listened to.
const LISTENING: Duration = Duration::from_secs(4);

/// Starts a node beside a cluster, listens to it for a while, and ends it.
fn said(name: &str, arguments: &[&str]) -> String {
    let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("refused-{name}"));
    // What an earlier run left is of no use.
    fs::remove_dir_all(&data).ok();
    let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
    command.arg("node");
    for place in ["--bind", "--listen"].iter().filter(|it| !arguments.contains(it)) {
        command.args([place, "127.0.0.1:0"]);
    }
    if !arguments.contains(&"--data") {
        command.arg("--data").arg(&data).args(["--name", "x"]);
    }
    command.args(arguments).env("ROOST_DISK_FREE_MIN_MIB", "64");
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    std::thread::sleep(LISTENING);
    // One that has ended is as good.
    child.kill().ok();
    child.wait().expect("it has ended");
    let mut said = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut said).expect("it is UTF-8");
    said
}

#[test]
fn whoever_is_refused_says_why() {
    let cluster = Cluster::new("refusing", 1);
    let (secret, peers) = (cluster.secret(), cluster.peers());
    let wrong = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("another-secret");
    fs::write(&wrong, "another secret, long enough").expect("the folder is ours");
    let (wrong, used) = (wrong.display().to_string(), cluster.data("n1"));
    let known = ["--cluster", "dev", "--peers", &peers, "--secret-file"];
    let udp = UdpSocket::bind("127.0.0.1:0").and_then(|it| Ok((it.local_addr()?, it)));
    let (udp, _held) = udp.expect("the system has ports");
    let tcp = TcpListener::bind("127.0.0.1:0").and_then(|it| Ok((it.local_addr()?, it)));
    let (tcp, _held_too) = tcp.expect("the system has ports");
    let (udp, tcp) = (udp.to_string(), tcp.to_string());
    let (bind, listen) = (format!("cannot bind {udp} (UDP)"), format!("cannot listen on {tcp}"));
    let cases: [(&str, Vec<&str>, &str); 6] = [
        ("bound", [&known[..], &[&secret, "--bind", &udp]].concat(), &bind),
        ("listened", [&known[..], &[&secret, "--listen", &tcp]].concat(), &listen),
        ("secret", [&known[..], &[&wrong]].concat(), "another secret, or is of another cluster"),
        ("cluster", vec!["--peers", &peers, "--secret-file", &secret], "another secret, or is of"),
        ("place", [&known[..], &[&secret]].concat(), "say where it is with --advertise"),
        (
            "used",
            [&known[..], &[&secret, "--name", "n1", "--data", &used]].concat(),
            "data_folder_in_use",
        ),
    ];
    for (name, arguments, expected) in cases {
        let said = said(name, &arguments);
        assert!(said.contains(expected), "{name}: {said}");
    }
}
