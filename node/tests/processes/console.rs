//! The console in a real browser, while the node that serves it is killed.

use std::process::Command;

use serde_json::Value;
use tokio::runtime::Builder;

use crate::balancer::Balancer;
use crate::cluster::Cluster;
use crate::follower::{Follower, named_by, script};

const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// The node that serves the page, as it says.
fn serving(shown: &Value) -> Option<&str> {
    shown["state"].as_str()?.strip_prefix("served by ")
}

/// Whether the page says this of the cluster.
fn says(shown: &Value, sentence: &str) -> bool {
    shown["health"].as_str().is_some_and(|it| it.starts_with(sentence))
}

#[test]
fn a_killed_node_is_seen_and_that_others_lead() {
    let Some(browser) = named_by("ROOST_CHROMIUM") else { return };
    let mut cluster = Cluster::new("console", 3);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    let balancer = runtime.block_on(Balancer::start(cluster.urls()));
    let url = format!("http://{}/console", balancer.address);
    let open = |modules: &str| {
        let mut command = Command::new("node");
        command.args([&script("console.mjs"), modules, &browser, &url, cluster.operator()]);
        command
    };
    let Some(mut page) = Follower::start("ROOST_CENTRIFUGE_JS", open) else { return };
    page.wait_for(|it| it["problem"] == "That is not the operator token of this cluster.");
    page.wait_for(|it| says(it, "3 of 3 nodes, all 4 shards led") && serving(it).is_some());
    let node = page.heard.last().and_then(serving).expect("it is served").to_owned();
    assert!(NODES.contains(&&*node), "{node}");

    cluster.strike(&node);
    let sentence = format!("2 of 3 nodes ({node} is down), all 4 shards led");
    page.wait_for(|it| says(it, &sentence) && serving(it).is_some_and(|it| it != node));
    let shown = page.heard.last().expect("it was heard");
    assert_eq!(shown["nodes"][&node], "down", "{shown}");
    let leaders = shown["shards"].as_object().expect("shards").values();
    assert!(leaders.clone().count() == 5 && leaders.clone().all(|it| *it != *node), "{shown}");

    cluster.revive(&[&node]);
    balancer.move_to(cluster.urls());
    page.wait_for(|it| says(it, "3 of 3 nodes, all 4 shards led") && it["nodes"][&node] == "up");
    assert!(page.heard.iter().any(|it| it["state"] == "reconnecting"));
    for shown in &page.heard {
        assert!(shown["error"].is_null() && shown["is_same"] == true, "{shown}");
        assert_eq!(
            (shown["url"].as_str(), &shown["kept"]),
            (Some(&*url), &Value::from(0)),
            "{shown}"
        );
    }
}
