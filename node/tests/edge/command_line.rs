//! The binary `roost`, as people start it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};

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

/// Starts `roost dev` on a port of its own, and yields what it says until it serves.
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
async fn dev_says_what_it_is_and_stops_when_told() {
    for name in ["-INT", "-TERM"] {
        let (mut child, said) = dev(&["--shards", "2"]);
        let address = said.lines().next().and_then(|it| it.strip_prefix("roost serves http://"));
        let address = address.expect("it says where it is").parse().expect("it is an address");
        assert_eq!(ask("GET /readyz").send(address).await.status, 200);
        let token = said.lines().find_map(|it| it.trim().strip_prefix("operator token:"));
        let token = token.expect("it says the token").trim();
        let shards = ask("GET /v1/operator/shards").token(token).send(address).await.json();
        assert_eq!(shards["shards"].as_array().map(Vec::len), Some(2));
        assert!(said.contains("State is in memory"), "{said}");

        signal(&child, name);
        assert!(child.wait().expect("it ends").success(), "{name}");
        let mut rest = String::new();
        child.stdout.take().expect("it is piped").read_to_string(&mut rest).expect("UTF-8");
        assert_eq!(rest, "");
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let file = folder("command-line").join("roost.toml");
    std::fs::write(&file, "shard = 3\n").expect("the folder is ours");
    let file = file.to_str().expect("it is UTF-8");
    let cases: [(&[&str], &str); 5] = [
        (&["dev", "--nodes", "3"], "not part of this release yet: use --nodes 1"),
        (&["dev", "--shards", "0"], "--shards is \"0\"; expected a number from 1 to 256"),
        (&["dev", "--config", "/nowhere"], "/nowhere: cannot be read"),
        (&["dev", "--config", file], "there is no setting shard; did you mean shards?"),
        (&["dev", "--listen", "1.2.3.4:80"], "cannot listen on 1.2.3.4:80"),
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
        let mut command = roost(&["dev", "--listen", "127.0.0.1:0"]);
        let output = command.env(name, value).output().expect("it starts");
        let error = String::from_utf8(output.stderr).expect("errors are UTF-8");
        assert!(error.contains(expected), "{name}: {error}");
        assert!(!output.status.success(), "{name}");
    }
}

#[test]
fn every_command_has_examples() {
    for arguments in [&["--help"][..], &["dev", "--help"], &["import", "--help"]] {
        let output = roost(arguments).output().expect("it starts");
        let text = String::from_utf8(output.stdout).expect("help is UTF-8");
        assert!(output.status.success(), "{arguments:?}");
        assert!(text.contains("Examples:\n  roost"), "{arguments:?}: {text}");
    }
}
