//! The binary `roost`, as people start it.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::rig::{ask, folder};

fn roost(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
    command.args(arguments).env("ROOST_ARGON2_MEMORY_KIB", "8");
    command
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = roost(arguments).output().expect("it starts");
    assert!(!status.success(), "{arguments:?}");
    String::from_utf8(stderr).expect("errors are UTF-8")
}

/// Starts `roost dev` on ports and in a folder of its own, and yields what it says until it serves.
fn dev(arguments: &[&str]) -> (Child, String) {
    let arguments = [&["dev", "--listen", "127.0.0.1:0"], arguments].concat();
    let mut child = roost(&arguments).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.as_mut().expect("it is piped")).lines();
    let mut said = String::new();
    while !said.contains("Ctrl-C") {
        said += &lines.next().expect("it goes on").expect("it is UTF-8");
        said.push('\n');
    }
    (child, said)
}

fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(kill.expect("kill is there").success());
}

#[tokio::test]
async fn dev_says_what_it_is_stops_when_told_and_keeps_its_data() {
    let data = folder("dev-keeps");
    let data = data.to_str().expect("it is UTF-8");
    let mut tokens = Vec::new();
    for name in ["-INT", "-TERM"] {
        let (mut child, said) = dev(&["--nodes", "1", "--shards", "2", "--data", data]);
        let address = said.lines().next().and_then(|it| it.strip_prefix("roost serves http://"));
        let address = address.expect("it says where it is").parse().expect("it is an address");
        assert_eq!(ask("GET /readyz").send(address).await.status, 200);
        let token = said.lines().find_map(|it| it.trim().strip_prefix("operator token:"));
        let token = token.expect("it says the token").trim();
        let shards = ask("GET /v1/operator/shards").token(token).send(address).await.json();
        assert_eq!(shards["shards"].as_array().map(Vec::len), Some(2 + 1));
        assert!(said.contains("stays when this stops"), "{said}");
        tokens.push(token.to_owned());
        let account = ask("POST /v1/accounts").json(r#"{"handle":"alice","password":"pass word"}"#);
        let status = account.send(address).await.status;
        assert_eq!(status, if name == "-INT" { 201 } else { 409 }, "she is there the second time");

        signal(&child, name);
        assert!(child.wait().expect("it ends").success(), "{name}");
        let mut rest = String::new();
        child.stdout.take().expect("it is piped").read_to_string(&mut rest).expect("UTF-8");
        assert_eq!(rest, "");
    }
    assert_eq!(tokens[0], tokens[1]);
    let error = refused(&["dev", "--nodes", "0", "--data", data]);
    assert!(error.contains("0 is not in 1..=9"), "{error}");
}

/// Starts `roost node` with peers that are not there, and yields it with where it serves clients.
fn alone(name: &str) -> (Child, SocketAddr) {
    let data = folder(name);
    let secret = data.join("secret");
    std::fs::write(&secret, "a secret that is long enough").expect("the folder is ours");
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let (address, absent) = (free().expect("ports are free"), free().expect("ports are free"));
    let path = |it: &Path| it.to_str().expect("it is UTF-8").to_owned();
    let (listen, peers) = (address.to_string(), format!("{absent},127.0.0.1:1"));
    let mut command = roost(&["node", "--bind", "127.0.0.1:0", "--listen", &listen]);
    command.args(["--peers", &peers, "--data", &path(&data.join("n1"))]);
    command.args(["--secret-file", &path(&secret)]).stderr(Stdio::null());
    (command.spawn().expect("it starts"), address)
}

#[tokio::test]
async fn a_node_says_what_it_waits_for() {
    let (mut child, address) = alone("waits");
    for _ in 0..200 {
        if TcpStream::connect(address).is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ask("GET /livez").send(address).await.json()["status"], "alive");
    let mut detail = String::new();
    for _ in 0..200 {
        let answer = ask("GET /readyz").send(address).await;
        assert_eq!((answer.status, &*answer.code()), (503, "not_ready"));
        detail = answer.field("detail");
        if detail.contains("peers") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(detail.contains("not all peers are there: 127.0.0.1:"), "{detail}");
    signal(&child, "-TERM");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = folder("command-line");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path.to_str().expect("it is UTF-8").to_owned()
    };
    let (wrong, short) = (file("roost.toml", "shard = 3\n"), file("short", "secret"));
    let (secret, foreign) = (file("secret", "a secret that is long enough"), file("data", ""));
    let node = ["node", "--bind", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--secret-file"];
    let cases: [(&[&str], &str); 9] = [
        (&["dev", "--shards", "0"], "--shards is \"0\"; expected a number from 1 to 256"),
        (&["dev", "--config", "/nowhere"], "/nowhere: cannot be read"),
        (&["dev", "--config", &wrong], "there is no setting shard; did you mean shards?"),
        (&["node"], "name a file with the secret"),
        (&["node", "--peers", "a"], "expected at most 64 hosts with ports"),
        (&["node", "--secret-file", "/nowhere"], "the secret /nowhere: No such file"),
        (&["node", "--secret-file", &short], "has 6 bytes; expected 16 to 4096"),
        (&["node", "--secret-file", &secret, "--listen", "1.2.3.4:80"], "listen on 1.2.3.4:80"),
        (&[&node[..], &[&secret, "--data", &foreign]].concat(), "data"),
    ];
    for (arguments, expected) in cases {
        let error = refused(arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn wrong_variables_are_refused() {
    let cases = [
        ("ROOST_SHARD", "1", "did you mean ROOST_SHARDS?"),
        ("ROOST_LOG", "node=loud", "expected a filter such as info"),
        ("ROOST_SETTINGS", "posts.push=1", "there are: posts.pull_above_followers"),
    ];
    for (name, value, expected) in cases {
        let mut command = roost(&["dev"]);
        let output = command.env(name, value).output().expect("it starts");
        let error = String::from_utf8(output.stderr).expect("errors are UTF-8");
        assert!(error.contains(expected), "{name}: {error}");
        assert!(!output.status.success(), "{name}");
    }
}

#[test]
fn every_command_has_examples() {
    for command in ["", "dev", "import", "node", "shards", "status"] {
        let words = command.split_ascii_whitespace().chain(["--help"]).collect::<Vec<_>>();
        let output = roost(&words).output().expect("it starts");
        let text = String::from_utf8(output.stdout).expect("help is UTF-8");
        assert!(output.status.success(), "{command}");
        assert!(text.contains("Examples:\n  roost"), "{command}: {text}");
    }
}
