//! The folder of a node is copied, and both are started: two processes say that they are this node.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::cluster::{Cluster, SMALL};
use crate::load::Load;

/// Posts between two things that happen.
const POSTS: usize = 200;

/// How long both of them go on when they are noticed: they take turns several times.
const LASTING: Duration = Duration::from_secs(3);

/// Between two looks whether they are noticed, and how many there are.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 400;

/// A process that says that it is the second node. It ends with this.
struct Double {
    child: Child,
    log: String,
}

impl Double {
    /// Starts it with a folder, where nobody is.
    fn start(cluster: &Cluster, folder: &str) -> Self {
        let free = UdpSocket::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let place = free.expect("ports are free").to_string();
        let log = cluster.data(&format!("{folder}.double.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
        command.args(["node", "--name", "n2", "--cluster", "dev", "--peers", &cluster.peers()]);
        command.args(["--data", &cluster.data(folder), "--secret-file", &cluster.secret()]);
        command.args(["--bind", &place, "--advertise", &place, "--listen", "127.0.0.1:0"]);
        // Its end tells the node that nobody looks after it any more.
        command.arg("--leashed").stdin(Stdio::piped());
        command.envs(SMALL).stdout(Stdio::null());
        command.stderr(File::create(&log).expect("the folder is ours"));
        Self { child: command.spawn().expect("it starts"), log }
    }

    /// It still runs.
    fn check(&mut self) {
        let ended = self.child.try_wait().expect("it was started here");
        assert_eq!(ended, None, "{}", fs::read_to_string(&self.log).expect("it logs"));
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        // One that has ended is as good.
        self.child.kill().ok();
        self.child.wait().map(drop).ok();
    }
}

/// Waits until another node says that there are two.
fn noticed(cluster: &Cluster) {
    for _ in 0..LOOKS {
        let told = ["n1", "n3"].map(|it| cluster.log(it)).concat();
        if told.contains("two processes say that they are this node") {
            return;
        }
        sleep(LOOK);
    }
    panic!("nobody notices: {}", cluster.log("n1"));
}

#[test]
fn two_processes_with_one_identity_are_noticed_and_lose_nothing() {
    let cluster = Cluster::new("doubled", 3);
    let load = Load::new(cluster.urls());
    load.goes_on(POSTS);
    load.move_to(["n1", "n3"].map(|it| cluster.url(it)).to_vec());
    cluster.retire("n2");
    let copy = Command::new("cp").args(["-a", &cluster.data("n2"), &cluster.data("copy")]).status();
    assert!(copy.expect("cp is there").success());
    let mut doubles = ["n2", "copy"].map(|folder| Double::start(&cluster, folder));
    noticed(&cluster);
    sleep(LASTING);
    load.goes_on(POSTS);
    doubles.iter_mut().for_each(Double::check);
    drop(doubles);
    // Each may lack what the other has promised in the name of both: neither folder is used again.
    load.goes_on(POSTS);
    load.check();
}
