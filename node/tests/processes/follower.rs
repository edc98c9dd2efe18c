//! Programs of others that follow what happens, and say it.

use std::env;
use std::io::{BufRead, BufReader, Write as _, stderr};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of others, as a process.
pub(crate) struct Follower {
    child: Child,
    said: Receiver<Value>,
    /// Everything that it has said.
    pub(crate) heard: Vec<Value>,
}

impl Follower {
    /// Starts it. None, with a reason, where it is not there.
    pub(crate) fn start(variable: &str, run: impl FnOnce(&str) -> Command) -> Option<Self> {
        let place = named_by(variable)?;
        let mut child = run(&place);
        let child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let (sender, said) = channel();
        let listen = move || {
            for line in lines.map_while(Result::ok) {
                let said = serde_json::from_str(&line).expect("it says JSON");
                if sender.send(said).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().spawn(listen).expect("the system has threads");
        Some(Self { child, said, heard: Vec::new() })
    }

    /// Listens until it has said this.
    pub(crate) fn wait_for(&mut self, is_it: impl Fn(&Value) -> bool) {
        loop {
            let said = self.said.recv_timeout(PATIENCE);
            let said = said.unwrap_or_else(|error| panic!("{error}: {:?}", self.tail()));
            self.heard.push(said);
            if self.heard.last().is_some_and(&is_it) {
                return;
            }
        }
    }

    fn tail(&self) -> &[Value] {
        &self.heard[self.heard.len().saturating_sub(20)..]
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().map(drop).ok();
    }
}

/// Where a client of others is. None, with a reason, where there is none.
pub(crate) fn named_by(variable: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests are told where clients are")]
    let place = env::var(variable).ok().filter(|it| !it.is_empty());
    if place.is_none() {
        writeln!(stderr(), "SKIP: {variable} does not name the client").ok();
    }
    place
}

/// Where one of our programs for them is.
pub(crate) fn script(name: &str) -> String {
    format!("{}/tests/processes/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}
