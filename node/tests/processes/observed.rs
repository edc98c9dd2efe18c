//! What nodes say of themselves: logs that can be followed from node to node, and whether they are of use.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::author::Author;
use crate::client::Client;
use crate::cluster::Cluster;

const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// Between two looks, and how many there are.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS: usize = 150;

/// The lines that belong to a trace in the log of a node.
fn lines(cluster: &Cluster, node: &str, trace: &str) -> Vec<Value> {
    let log = fs::read_to_string(cluster.data(&format!("{node}.log"))).expect("it logs");
    let lines = log.lines().map(|it| serde_json::from_str(it).expect("each line is JSON"));
    let lines: Vec<Value> = lines.collect();
    assert!(lines.iter().all(|it| it["node"] == node), "{node} names itself");
    lines.into_iter().filter(|it| it["trace"] == trace).collect()
}

/// Asks one node for an account, and yields the nodes that have a part in the answer.
async fn follow(
    cluster: &Cluster,
    author: &Author,
    (asked, number): (&str, usize),
) -> BTreeSet<String> {
    let trace = format!("{number:032x}");
    author.look(&cluster.url(asked), &format!("00-{trace}-00f067aa0ba902b7-01")).await;
    let at_gateway = lines(cluster, asked, &trace);
    let requests = at_gateway.iter().filter(|it| it["request"].is_string());
    assert_eq!(requests.count(), 1, "{at_gateway:?}");
    let has_part = |node: &&str| lines(cluster, node, &trace).iter().any(|it| it["shard"].is_u64());
    let served = NODES.iter().copied().filter(has_part).map(str::to_owned);
    served.chain([asked.to_owned()]).collect()
}

/// Whether a node says that it is of use, and what it says.
async fn readiness(client: &Client, url: &str) -> (bool, String) {
    let (status, body) = client.ask(&format!("{url}/readyz"), "").await;
    (status == 200, body.to_string())
}

async fn wait_until(client: &Client, url: &str, is_ready: bool) -> String {
    for _ in 0..LOOKS {
        let (found, said) = readiness(client, url).await;
        if found == is_ready {
            return said;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("{url} does not come to say {is_ready}");
}

#[test]
fn a_request_can_be_followed_and_a_lonely_node_says_so() {
    let log = "info,node::gateway=debug,runtime::router=debug,openraft=error";
    let settings = [("LOG", log), ("LOG_FORMAT", "json")];
    let cluster = Cluster::with("observed", 3, &settings);
    let (_places, urls) = watch::channel(cluster.urls());
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let anybody = Client::new(&urls);
        let author = Author::register(&anybody, 0).await;
        let mut are_several = 0;
        for (number, asked) in NODES.into_iter().enumerate() {
            let nodes = follow(&cluster, &author, (asked, number + 1)).await;
            are_several += usize::from(nodes.len() > 1);
        }
        // Whoever leads the shard of the account, two of three nodes have to ask it.
        assert!(are_several >= 2, "{are_several}");

        let url = cluster.url("n1");
        assert!(readiness(&anybody, &url).await.0);
        let others = ["n2", "n3"];
        for node in others {
            cluster.signal(node, "STOP");
        }
        let said = wait_until(&anybody, &url, false).await;
        for node in others {
            cluster.signal(node, "CONT");
        }
        assert!(said.contains("not_ready"), "{said}");
        for node in NODES {
            wait_until(&anybody, &cluster.url(node), true).await;
        }
    });
}
