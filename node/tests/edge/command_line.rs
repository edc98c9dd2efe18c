//! The binary `roost`, as people start it.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::CommandFactory;
use node::cli::Cli;
use rcgen::generate_simple_self_signed;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use crate::rig::{ask, folder};

pub(crate) fn roost(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
    command.args(arguments).env("ROOST_ARGON2_MEMORY_KIB", "8");
    command
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = roost(arguments).output().expect("it starts");
    assert!(!status.success(), "{arguments:?}");
    String::from_utf8(stderr).expect("errors are UTF-8")
}

/// Starts `roost dev` in a folder, on ports of its own, and yields what it says until it serves. What it is
/// told wins over what the environment says.
fn dev(folder: &Path, arguments: &[&str]) -> (Child, String) {
    let arguments = [&["dev", "--nodes", "1", "--listen", "127.0.0.1:0"], arguments].concat();
    let mut command = roost(&arguments);
    command.current_dir(folder).env("ROOST_SHARDS", "5").stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.as_mut().expect("it is piped")).lines();
    let mut said = String::new();
    while !said.contains("Ctrl-C") {
        said += &lines.next().expect("it goes on").expect("it is UTF-8");
        said.push('\n');
    }
    (child, said)
}

/// What a command prints that finds the secret by itself, beside the data of `roost dev`.
fn operate(folder: &Path, arguments: &[&str]) -> String {
    let output = roost(arguments).current_dir(folder).output().expect("it starts");
    let Output { status, stdout, stderr } = output;
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("it is UTF-8")
}

/// Where it serves clients, as it has said.
fn served(said: &str) -> SocketAddr {
    let address = said.lines().next().and_then(|it| it.strip_prefix("roost serves http://"));
    address.expect("it says where it is").parse().expect("it is an address")
}

pub(crate) fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(kill.expect("kill is there").success());
}

#[tokio::test]
async fn dev_says_what_it_is_stops_when_told_and_keeps_its_data() {
    let folder = folder("dev-keeps");
    std::fs::write(folder.join("roost.toml"), "shards = 7\n").expect("the folder is ours");
    let mut tokens = Vec::new();
    for name in ["-INT", "-TERM"] {
        let (mut child, said) = dev(&folder, &["--shards", "2", "--config", "roost.toml"]);
        let address = served(&said);
        assert_eq!(ask("GET /readyz").send(address).await.status, 200);
        let token = said.lines().find_map(|it| it.trim().strip_prefix("operator token:"));
        let token = token.expect("it says the token").trim();
        assert_eq!(operate(&folder, &["token"]).trim(), token);
        for command in ["status", "shards"] {
            operate(&folder, &[command, "--to", &format!("http://{address}")]);
        }
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
    let error = refused(&["dev", "--nodes", "0"]);
    assert!(error.contains("0 is not in 1..=9"), "{error}");
}

/// Asks whoever is at an address, and should be called `name`, over TLS, trusting one certificate.
async fn ask_securely(to: SocketAddr, name: &str, trusted: &[u8]) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(trusted).map_err(io::Error::other)?;
    roots.add(certificate).map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let stream = tokio::net::TcpStream::connect(to).await?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn dev_speaks_tls_to_whoever_trusts_its_certificate() {
    let data = folder("dev-tls");
    let (mut child, said) = dev(&data, &["--data", data.to_str().expect("it is UTF-8")]);
    let address = served(&said);
    let file = data.join("tls.pem");
    assert!(said.contains(&format!("{}, for https on the same ports", file.display())), "{said}");
    let certificate = std::fs::read(file).expect("it is there");
    for name in ["localhost", "127.0.0.1"] {
        let answer = ask_securely(address, name, &certificate).await.expect("it is trusted");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("alive"), "{answer}");
    }
    let other = generate_simple_self_signed(["localhost".to_owned()]).expect("chance is there");
    let cases = [("elsewhere", certificate), ("localhost", other.cert.pem().into_bytes())];
    for (name, trusted) in cases {
        let error = ask_securely(address, name, &trusted).await.expect_err("nobody is deceived");
        assert!(error.to_string().contains("invalid peer certificate"), "{name}: {error}");
    }
    signal(&child, "-TERM");
    assert!(child.wait().expect("it ends").success());
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

/// What help says of a command, whose words these are, and of all below it.
fn helped(command: &clap::Command, words: &[&str]) -> Vec<(String, String)> {
    let output = roost(&[words, &["--help"]].concat()).output().expect("it starts");
    assert!(output.status.success(), "{words:?}");
    let text = String::from_utf8(output.stdout).expect("help is UTF-8");
    let own = [&["roost"], words].concat().join(" ");
    let below =
        command.get_subcommands().flat_map(|it| helped(it, &[words, &[it.get_name()]].concat()));
    [(own, text)].into_iter().chain(below).collect()
}

/// The lines of examples that start roost, in words, without the variables before them.
fn examples(help: &str) -> Vec<Vec<String>> {
    let (_, after) = help.split_once("Examples:\n").expect("there are examples");
    let (lines, _) = after.split_once("\n\n").unwrap_or((after, ""));
    let lines = lines.replace("\\\n", " ");
    let words = lines.lines().map(|line| {
        let words = line.split_ascii_whitespace().skip_while(|it| it.starts_with("ROOST_"));
        words.map(str::to_owned).collect::<Vec<_>>()
    });
    words.filter(|it| it.first().is_some_and(|it| it == "roost")).collect()
}

#[test]
fn every_command_has_examples_that_it_takes() {
    let command = Cli::command();
    let helped = helped(&command, &[]);
    assert!(helped.len() > 15, "benches are commands as well");
    for (own, help) in helped {
        let examples = examples(&help);
        let is_own = |it: &Vec<String>| it.join(" ").starts_with(&own);
        assert!(!examples.is_empty() && examples.iter().all(is_own), "{own}: {help}");
        for example in examples {
            if let Err(error) = command.clone().try_get_matches_from(&example) {
                panic!("{example:?}: {error}");
            }
        }
    }
}
