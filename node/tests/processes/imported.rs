//! People, follows and posts are imported while every node is killed once: every feed is what the files say,
//! whichever node is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{Write as _, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use axum::http::Method;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::balancer::Balancer;
use crate::client::Client;
use crate::cluster::Cluster;
use crate::oracle::{Expected, Imported, tokens};

const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// How late answers come in the small import: many are under way when a node is killed.
const LATE: Duration = Duration::from_millis(30);

/// Between two looks how far it is.
const LOOK: Duration = Duration::from_millis(50);

/// Before a feed is asked for again that was not answered.
const PAUSE: Duration = Duration::from_millis(100);

/// How often that happens at most.
const TRIES_MAX: usize = 100;

/// An import with what it is run with.
struct Import {
    what: Imported,
    state: PathBuf,
    concurrency: &'static str,
    /// How late answers come.
    late: Duration,
    /// How long all of it may take.
    lasting: Duration,
}

impl Import {
    /// Begins, or goes on; `places` are where the nodes are.
    fn start(&self, places: &str, verify: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
        command.arg("import").arg("--follows").arg(&self.what.follows);
        command.arg("--posts").arg(&self.what.posts).arg("--state").arg(&self.state);
        command.args(["--to", places, "--concurrency", self.concurrency]).args(verify);
        command.args(["--seed", &self.what.seed.to_string()]);
        command.kill_on_drop(true).spawn().expect("it starts")
    }

    /// How many accounts there are, and how many follows at least.
    fn progress(&self) -> (usize, u64) {
        let text = fs::read_to_string(&self.state).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |at| &text[..at]);
        let lines = whole.lines().map(|it| serde_json::from_str(it).expect("it is JSON"));
        let lines: Vec<Value> = lines.collect();
        let accounts = lines.iter().filter(|it| it["account"].is_object()).count();
        let follows = lines.iter().filter(|it| it["done"]["phase"] == "follows");
        (accounts, follows.filter_map(|it| it["done"]["count"].as_u64()).max().unwrap_or(0))
    }

    /// Kills every node once: one while accounts are made, one while people follow each other, one while
    /// they publish.
    async fn kill(&self, cluster: &mut Cluster, fronts: &[Balancer], import: &mut Child) {
        let expected = Expected::of(&self.what);
        let people = expected.follows.len();
        let follows: usize = expected.follows.values().map(BTreeSet::len).sum();
        for (node, (accounts_min, follows_min)) in
            NODES.into_iter().zip([(people / 3, 0), (people, 0), (people, follows as u64)])
        {
            loop {
                let (accounts, follows) = self.progress();
                if accounts >= accounts_min && follows >= follows_min {
                    break;
                }
                sleep(LOOK).await;
            }
            let ended = import.try_wait().expect("it is ours");
            assert_eq!(ended, None, "it is over before {node} is killed");
            tokio::task::block_in_place(|| cluster.kill(node));
            fronts[NODES.iter().position(|it| *it == node).expect("it is one of them")]
                .move_to(vec![cluster.url(node)]);
        }
    }

    async fn run(&self, name: &str) {
        let settings = [("SETTINGS", "posts.pull_above_followers=256")];
        let mut cluster = Cluster::with(name, NODES.len(), &settings);
        fs::remove_file(&self.state).ok();
        // Nodes that come back are elsewhere; these stay.
        let mut fronts = Vec::new();
        for node in NODES {
            fronts.push(Balancer::late(vec![cluster.url(node)], self.late).await);
        }
        let places: Vec<_> = fronts.iter().map(|it| format!("http://{}", it.address)).collect();
        let mut import = self.start(&places.join(","), &[]);
        self.kill(&mut cluster, &fronts, &mut import).await;
        assert!(import.wait().await.expect("it is ours").success());
        let mut again = self.start(&places.join(","), &["--verify"]);
        assert!(again.wait().await.expect("it is ours").success());
        check(&cluster, &Expected::of(&self.what), &tokens(&self.state)).await;
    }
}

/// A reader's whole feed, oldest first, as author and text; each page from the next node.
async fn feed(client: &Client, urls: &[String], first: usize) -> Vec<(String, String)> {
    let (mut items, mut seen, mut cursor) = (Vec::new(), BTreeSet::new(), String::new());
    let (mut nodes, mut failures) = (urls.iter().cycle().skip(first), 0);
    loop {
        let url = nodes.next().expect("there are nodes");
        let path = format!("/v1/me/feed?limit=100{cursor}");
        let page = match client.once(url, (&Method::GET, &path), "", &Value::Null).await {
            Ok((status, page)) => {
                assert_eq!(status, 200, "{page}");
                page
            }
            Err(why) => {
                failures += 1;
                assert!(failures < TRIES_MAX, "{why}");
                sleep(PAUSE).await;
                continue;
            }
        };
        for item in page["items"].as_array().expect("a page has items") {
            let text = |name: &str| item[name].as_str().expect("it is text").to_owned();
            assert!(seen.insert(text("post")), "it is there twice: {item}");
            items.push((text("handle"), text("body")));
        }
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    items.reverse();
    items
}

/// Compares every feed with what it should hold: nothing missing, nothing twice, nothing foreign, and the
/// posts of each author in their order.
async fn check(cluster: &Cluster, expected: &Expected, tokens: &[String]) {
    assert_eq!(tokens.len(), expected.follows.len());
    let urls = cluster.urls();
    let (_places, known) = watch::channel(urls.clone());
    let anybody = Client::new(&known);
    let mut posts = 0;
    for (place, (reader, token)) in expected.follows.keys().zip(tokens).enumerate() {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (author, text) in feed(&anybody.with(token), &urls, place).await {
            found.entry(author).or_default().push(text);
            posts += 1;
        }
        let found = found.iter().map(|(name, texts)| (name.as_str(), texts.as_slice()));
        let found: BTreeMap<_, _> = found.collect();
        assert_eq!(found, expected.feed(reader), "the feed of {reader}");
    }
    eprintln!("{} feeds with {posts} posts are what the files say", tokens.len());
}

fn run(name: &str, import: &Import) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    runtime.block_on(async {
        timeout(import.lasting, import.run(name)).await.expect("it is done in time");
    });
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// A ring of people with some chords, and one whom everybody follows: too many for posts to be pushed.
fn town(folder: &Path) -> Imported {
    const PEOPLE: u64 = 270;
    let [follows, posts] = ["town.txt", "town.csv"].map(|it| folder.join(it));
    let mut edges = String::new();
    for person in 1..PEOPLE {
        writeln!(edges, "0 {person}").expect("a string takes any text");
        writeln!(edges, "{person} {}", person % (PEOPLE - 1) + 1).expect("as above");
    }
    fs::write(&follows, edges).expect("the folder is ours");
    let rows = (0..800).map(|row| format!("\"글 {row}, with a comma\",x\n"));
    fs::write(&posts, rows.fold("post,reply\n".to_owned(), |all, row| all + &row))
        .expect("the folder is ours");
    Imported { follows, posts, seed: 7, people_max: usize::MAX, posts_max: usize::MAX }
}

#[test]
fn an_import_outlives_every_node_and_every_feed_is_whole() {
    run(
        "imported",
        &Import {
            what: town(&folder()),
            state: folder().join("town.jsonl"),
            concurrency: "8",
            late: LATE,
            lasting: Duration::from_mins(3),
        },
    );
}

#[test]
fn an_import_of_real_data_outlives_every_node() {
    #[expect(clippy::disallowed_methods, reason = "tests are told where data are, and how long")]
    let variable = |name: &str| env::var(name).ok().filter(|it| !it.is_empty());
    if variable("ROOST_NIGHTLY").is_none() {
        writeln!(stderr(), "SKIP real data: it takes minutes; ROOST_NIGHTLY asks for it").ok();
        return;
    }
    let data = variable("ROOST_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let [follows, posts] = ["follows.txt", "posts-ko.csv"].map(|it| data.join(it));
    if !follows.exists() || !posts.exists() {
        writeln!(
            stderr(),
            "SKIP real data: it is not in {}; ROOST_TEST_DATA may name it",
            data.display()
        )
        .ok();
        return;
    }
    let (people_max, posts_max) = (usize::MAX, usize::MAX);
    run(
        "imported-real",
        &Import {
            what: Imported { follows, posts, seed: 7, people_max, posts_max },
            state: folder().join("real.jsonl"),
            concurrency: "32",
            late: Duration::ZERO,
            lasting: Duration::from_mins(30),
        },
    );
}
