//! Starts processes, and does to them what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{panicking, sleep};
use std::time::Duration;

use rustix::process::{Pid, test_kill_process_group};
use serde_json::Value;

/// Settings with which several nodes find room on any machine.
pub(crate) const SMALL: [(&str, &str); 4] = [
    ("ROOST_ARGON2_MEMORY_KIB", "8"),
    ("ROOST_ROWS_MEMORY_MIB", "16"),
    ("ROOST_DISK_FREE_MIN_MIB", "64"),
    ("ROOST_THREADS", "1"),
];

/// Between two looks whether a process has ended, and how many there are.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 1_000;

/// `roost dev` with several nodes. It ends with the test, in which no node may panic.
pub(crate) struct Cluster {
    command: Command,
    dev: Child,
    said: Lines<BufReader<ChildStdout>>,
    data: PathBuf,
    /// By name.
    nodes: BTreeMap<String, Process>,
    operator: String,
    /// What it said when all of it had started.
    greeting: String,
}

/// A node.
#[derive(Clone, Debug)]
struct Process {
    /// Its number for the system.
    pid: String,
    /// Where it serves clients.
    url: String,
}

impl Cluster {
    /// So many nodes, in a folder of this name that is new.
    pub(crate) fn new(name: &str, nodes: usize) -> Self {
        Self::with(name, nodes, &[])
    }

    /// The same, with settings by their names in capitals.
    pub(crate) fn with(name: &str, nodes: usize, settings: &[(&str, &str)]) -> Self {
        Self::start(name, nodes, |command| {
            command.envs(settings.iter().map(|(name, value)| (format!("ROOST_{name}"), *value)));
        })
    }

    /// The same, as a terminal starts it: all of its processes are a group, which hears what is pressed.
    pub(crate) fn in_terminal(name: &str, nodes: usize) -> Self {
        Self::start(name, nodes, |command| {
            command.process_group(0);
        })
    }

    fn start(name: &str, nodes: usize, specially: impl FnOnce(&mut Command)) -> Self {
        let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run left is of no use.
        fs::remove_dir_all(&data).ok();
        let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
        command.args(["dev", "--listen", "127.0.0.1:0", "--shards", "4", "--data"]).arg(&data);
        command.args(["--nodes", &nodes.to_string()]).stdout(Stdio::piped());
        command.envs(SMALL);
        specially(&mut command);
        let (dev, said) = spawn(&mut command);
        let (heard, operator, greeting) = (BTreeMap::new(), String::new(), String::new());
        let mut cluster = Self { command, dev, said, data, nodes: heard, operator, greeting };
        cluster.wait_for_all();
        assert_eq!(cluster.nodes.len(), nodes);
        cluster
    }

    /// Stops all nodes, does something with the folder that holds their data, and starts them again.
    pub(crate) fn restart(&mut self, meanwhile: impl FnOnce(&Path)) {
        self.stop();
        meanwhile(&self.data);
        self.start_again();
    }

    /// Starts all nodes again, which have ended.
    pub(crate) fn start_again(&mut self) {
        (self.dev, self.said) = spawn(&mut self.command);
        self.wait_for_all();
    }

    /// Presses Ctrl-C where it was started [in a terminal](Cluster::in_terminal). Yields how it ended, and
    /// whether any of its processes is left then.
    pub(crate) fn interrupt(&mut self) -> (ExitStatus, bool) {
        let group = self.dev.id();
        send(&format!("-{group}"), "INT");
        let ended = self.dev.wait().expect("it ends");
        let group = Pid::from_raw(group.cast_signed()).expect("no group is 0");
        (ended, test_kill_process_group(group).is_ok())
    }

    fn stop(&mut self) {
        // One that stands still would not hear it.
        for signal in ["TERM", "CONT"] {
            send(&self.dev.id().to_string(), signal);
        }
        self.dev.wait().expect("it ends");
    }

    fn wait_for_all(&mut self) {
        self.greeting.clear();
        while !self.greeting.contains("Ctrl-C") {
            let line = self.hear();
            self.greeting += &line;
            self.greeting.push('\n');
        }
    }

    /// The next line that it says, of which it learns where nodes are.
    fn hear(&mut self) -> String {
        let line = self.said.next().expect("it goes on").expect("it is UTF-8");
        let words: Vec<_> = line.trim().split([' ', ',']).filter(|it| !it.is_empty()).collect();
        let after = |word: &str| {
            let at = words.iter().position(|it| *it == word)?;
            words.get(at + 1).map(|it| it.trim_end_matches(':').to_owned())
        };
        if let Some(token) = after("token:") {
            self.operator = token;
        }
        let url = words.iter().find(|it| it.starts_with("http://"));
        if let (Some(url), Some(pid)) = (url, after("process")) {
            let process = Process { pid, url: (*url).to_owned() };
            self.nodes.insert(words[0].trim_end_matches(':').to_owned(), process);
        }
        line
    }

    /// Where the nodes serve clients, as they were last heard of.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.values().map(|it| it.url.clone()).collect()
    }

    /// Where a node serves clients.
    pub(crate) fn url(&self, node: &str) -> String {
        self.nodes[node].url.clone()
    }

    /// The file with its secret.
    pub(crate) fn secret(&self) -> String {
        self.data("secret")
    }

    /// What there is of one name in its folder.
    pub(crate) fn data(&self, name: &str) -> String {
        self.data.join(name).display().to_string()
    }

    /// Where its nodes find each other, as `roost node` takes it.
    pub(crate) fn peers(&self) -> String {
        let places = fs::read(self.data("places.json")).expect("it is kept");
        let places: Value = serde_json::from_slice(&places).expect("it is JSON");
        let nodes = places["nodes"].as_array().expect("a list").iter();
        nodes.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
    }

    /// The token of operators.
    pub(crate) fn operator(&self) -> &str {
        &self.operator
    }

    /// What it said when all of it had started.
    pub(crate) fn greeting(&self) -> &str {
        &self.greeting
    }

    /// What `roost` prints for operators who ask the first node something.
    pub(crate) fn operate(&self, what: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
        command.args(what).args(["--to", &self.url("n1"), "--secret-file", &self.secret()]);
        let output = command.output().expect("it starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what:?}: {errors}");
        String::from_utf8(output.stdout).expect("it is UTF-8")
    }

    /// What a node has logged.
    pub(crate) fn log(&self, node: &str) -> String {
        fs::read_to_string(self.data(&format!("{node}.log"))).expect("it logs")
    }

    /// Kills a node at once, and waits until it is back.
    pub(crate) fn kill(&mut self, node: &str) {
        self.end(node);
        self.wait_for(&[node]);
    }

    /// Kills a node at once, and nobody starts it again before [`Cluster::revive`].
    pub(crate) fn strike(&self, node: &str) {
        send(&self.dev.id().to_string(), "STOP");
        self.end(node);
    }

    /// Tells a node to end, and waits until it has. Nobody starts it again before [`Cluster::revive`].
    pub(crate) fn retire(&self, node: &str) {
        send(&self.dev.id().to_string(), "STOP");
        self.signal(node, "TERM");
        // Whoever would take note of its end stands still: something of it stays until then.
        let has_ended = || {
            let told = fs::read_to_string(format!("/proc/{}/stat", self.nodes[node].pid));
            told.is_ok_and(|it| it.rsplit(')').next().is_some_and(|it| it.starts_with(" Z")))
        };
        for _ in 0..LOOKS {
            if has_ended() {
                return;
            }
            sleep(LOOK);
        }
        panic!("{node} does not end");
    }

    /// Has nodes started again, and waits until these are back.
    pub(crate) fn revive(&mut self, nodes: &[&str]) {
        send(&self.dev.id().to_string(), "CONT");
        self.wait_for(nodes);
    }

    /// Kills a node at once, takes its data away, and waits until it is back.
    pub(crate) fn wipe(&mut self, node: &str) {
        self.end(node);
        fs::remove_dir_all(self.data.join(node)).expect("it has data");
        self.wait_for(&[node]);
    }

    /// Tells a node to end, and waits until it is back.
    pub(crate) fn stop_one(&mut self, node: &str) {
        self.signal(node, "TERM");
        self.wait_for(&[node]);
    }

    fn end(&self, node: &str) {
        self.signal(node, "KILL");
    }

    /// Sends a node a signal.
    pub(crate) fn signal(&self, node: &str, name: &str) {
        send(&self.nodes[node].pid, name);
    }

    fn wait_for(&mut self, nodes: &[&str]) {
        let mut away = BTreeSet::from_iter(nodes);
        while !away.is_empty() {
            let line = self.hear();
            away.retain(|it| !line.starts_with(&format!("{it} is back")));
        }
    }

    /// Nothing that has happened was a reason to panic.
    fn check_logs(&self) {
        for file in fs::read_dir(&self.data).expect("it is ours") {
            let path = file.expect("it is ours").path();
            if path.extension().is_some_and(|it| it == "log") {
                let log = fs::read(&path).expect("it is ours");
                let log = String::from_utf8_lossy(&log);
                let panicked = log.lines().find(|it| it.contains("panicked at"));
                assert_eq!(panicked, None, "{}", path.display());
            }
        }
    }
}

/// Sends a process a signal.
fn send(pid: &str, name: &str) {
    let sent = Command::new("kill").args(["-s", name, "--", pid]).status();
    assert!(sent.expect("kill is there").success());
}

/// Starts it, and what it says.
fn spawn(command: &mut Command) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut dev = command.spawn().expect("it starts");
    let said = BufReader::new(dev.stdout.take().expect("it is piped")).lines();
    (dev, said)
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        if !panicking() {
            self.check_logs();
            fs::remove_dir_all(&self.data).expect("it is ours");
        }
    }
}
