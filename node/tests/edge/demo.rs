//! The people that `roost dev --demo` makes.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::command_line::{roost, signal};
use crate::rig::{ask, folder};

/// Between two looks at a feed, and how many there are.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 200;

/// All that they have written.
const POSTS: usize = 6;

/// Starts the demo on one node, and yields it with the line that says who is there.
fn start(data: &str) -> (Child, String) {
    let mut command = roost(&["dev", "--demo", "--listen", "127.0.0.1:0", "--data", data]);
    command.args(["--nodes", "1", "--shards", "2"]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let lines = BufReader::new(child.stdout.as_mut().expect("it is piped")).lines();
    let mut lines = lines.map(|it| it.expect("it is UTF-8"));
    let line = lines.find(|it| it.contains("log in as")).expect("it says who is there");
    (child, line)
}

/// The texts in the feed of somebody who logs in, once all are there.
async fn feed(address: SocketAddr, handle: &str, password: &str) -> Vec<String> {
    let session = json!({ "handle": handle, "password": password }).to_string();
    let session = ask("POST /v1/sessions").json(session).send(address).await;
    assert_eq!(session.status, 201, "{handle}: {session:?}");
    let mut texts = Vec::new();
    // Posts reach feeds a moment after they are acknowledged.
    for _ in 0..LOOKS {
        let feed = ask("GET /v1/me/feed").token(&session.field("token")).send(address).await.json();
        let items = feed["items"].as_array().expect("a list").iter();
        texts = items.filter_map(|it| it["body"].as_str().map(str::to_owned)).collect();
        if texts.len() >= POSTS {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    texts
}

#[tokio::test]
async fn everybody_can_log_in_and_sees_what_all_have_written_also_on_another_day() {
    let data = folder("dev-demo");
    let data = data.to_str().expect("it is UTF-8");
    for _day in 0..2 {
        let (mut child, line) = start(data);
        let line = line.strip_prefix("Open http://").expect("a place");
        let (address, line) = line.split_once(" and log in as ").expect("names");
        let (people, password) = line.split_once("; the password is: ").expect("a password");
        let address = address.parse().expect("it is an address");
        assert_eq!(people, "ann, ben, cho, dev");
        for person in people.split(", ") {
            let texts = feed(address, person, password).await;
            assert_eq!(texts.len(), POSTS, "{person} sees {texts:?}");
            for beginning in ["Hello from", "Following ann", "안녕하세요", "curl works"] {
                let is_there = texts.iter().any(|it| it.starts_with(beginning));
                assert!(is_there, "{person} does not see {beginning}: {texts:?}");
            }
        }
        signal(&child, "-TERM");
        assert!(child.wait().expect("it ends").success());
    }
}
