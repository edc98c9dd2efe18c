//! Clients that nobody here wrote follow a feed while nodes are killed: they get every post, once and in
//! order.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::author::Author;
use crate::balancer::Balancer;
use crate::client::Client;
use crate::cluster::Cluster;

/// Posts between two kills.
const POSTS: usize = 30;

/// Between two posts.
const PAUSE: Duration = Duration::from_millis(20);

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of others, as a process.
struct Follower {
    child: Child,
    said: Receiver<Value>,
    /// Everything that it has said.
    heard: Vec<Value>,
}

impl Follower {
    /// Starts it. None, with a reason, where it is not there.
    fn start(variable: &str, run: impl FnOnce(&str) -> Command) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "tests are told where clients are")]
        let place = env::var(variable).ok().filter(|it| !it.is_empty());
        let Some(place) = place else {
            eprintln!("SKIP: {variable} does not name the client");
            return None;
        };
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
    fn wait_for(&mut self, is_it: impl Fn(&Value) -> bool) {
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

    /// Whether it has got so many posts, each once and in order, with neither gap nor duplicate.
    fn check(&self, posts: usize) {
        let got = self.heard.iter().filter_map(|it| Some((it["offset"].as_u64()?, &it["data"])));
        let (offsets, numbers): (Vec<_>, Vec<_>) =
            got.map(|(offset, data)| (offset, number(data))).unzip();
        assert!(offsets.iter().copied().eq(1..=posts as u64), "{offsets:?}");
        assert!(numbers.iter().copied().eq((0..posts).map(Some)), "{numbers:?}");
        let begun = self.heard.iter().filter(|it| it["subscribed"] == true);
        let states: BTreeSet<_> =
            begun.map(|it| (it["wasRecovering"] == true, it["recovered"] == true)).collect();
        assert_eq!(states, BTreeSet::from([(false, false), (true, true)]), "begun, and recovered");
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().map(drop).ok();
    }
}

/// The number of a post, as [`Author::publish`] writes it.
fn number(data: &Value) -> Option<usize> {
    data["post"]["body"].as_str()?.split(' ').nth(1)?.parse().ok()
}

/// Publishes while the nodes are killed in turn, each when the client may be connected to it.
async fn publish(cluster: &mut Cluster, balancer: &Balancer, author: &Author) -> usize {
    let mut posts = 0;
    for node in ["n1", "n2", "n3"] {
        for _ in 0..POSTS {
            author.publish(posts).await;
            posts += 1;
            tokio::time::sleep(PAUSE).await;
        }
        tokio::task::block_in_place(|| cluster.kill(node));
        balancer.move_to(cluster.urls());
    }
    posts
}

fn script(name: &str) -> String {
    format!("{}/tests/processes/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn clients_of_others_follow_a_feed_while_nodes_are_killed() {
    let mut cluster = Cluster::new("followed", 3);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    runtime.block_on(async {
        let balancer = Balancer::start(cluster.urls()).await;
        let (_places, behind) = watch::channel(vec![format!("http://{}", balancer.address)]);
        let author = Author::register(&Client::new(&behind), 0).await;
        let url = format!("ws://{}/connection/websocket", balancer.address);
        let what = [&*url, author.token(), &format!("feed:{}", author.user())];
        let in_javascript = |modules: &str| {
            let mut command = Command::new("node");
            command.args([&script("follow.mjs"), modules]).args(what);
            command
        };
        let in_python = |python: &str| {
            let mut command = Command::new(python);
            command.arg(script("follow.py")).args(what);
            command
        };
        let followers = [
            Follower::start("ROOST_CENTRIFUGE_JS", in_javascript),
            Follower::start("ROOST_CENTRIFUGE_PYTHON", in_python),
        ];
        let mut followers: Vec<_> = followers.into_iter().flatten().collect();
        for follower in &mut followers {
            follower.wait_for(|it| it["subscribed"] == true);
        }
        let posts = publish(&mut cluster, &balancer, &author).await;
        for follower in &mut followers {
            follower.wait_for(|it| number(&it["data"]) == Some(posts - 1));
            follower.check(posts);
        }
    });
}
