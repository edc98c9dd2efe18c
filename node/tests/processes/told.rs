//! What operators are told by `roost status` and `roost shards`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::Cluster;

/// Nodes, and the copies that each holds: of four shards and the meta group.
const NODES: usize = 3;
const COPIES: usize = 5;

/// The number of the meta group.
const META: u64 = 4_294_967_295;

/// Between two looks whether all shards are led, and how many there are.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: usize = 200;

/// The list that a command prints as JSON, once it is as it should be.
fn list(cluster: &Cluster, command: &str, is_settled: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let name = if command == "status" { "nodes" } else { "shards" };
    let mut told = Value::Null;
    for _ in 0..LOOKS {
        told = serde_json::from_str(&cluster.operate(&[command, "--json"])).expect("it is JSON");
        let list = told[name].as_array().expect("a list");
        if is_settled(list) {
            return list.clone();
        }
        std::thread::sleep(LOOK);
    }
    panic!("it does not settle: {told}");
}

/// A number that should be there.
fn number(of: &Value, field: &str) -> u64 {
    of[field].as_u64().unwrap_or_else(|| panic!("{field} of {of}"))
}

fn check_nodes(cluster: &Cluster) {
    let all_led =
        |it: &[Value]| it.iter().map(|it| number(it, "leads")).sum::<u64>() == COPIES as u64;
    let nodes = list(cluster, "status", all_led);
    assert_eq!(nodes.len(), NODES);
    for (at, node) in (1..).zip(&nodes) {
        assert_eq!((number(node, "node"), &node["name"]), (at, &format!("n{at}").into()), "{node}");
        assert_eq!((&node["is_there"], &node["is_storage_full"]), (&true.into(), &false.into()));
        assert_eq!((number(node, "copies"), &node["zone"]), (COPIES as u64, &"".into()), "{node}");
        for field in ["weight", "release", "up_ms", "log_bytes", "used_bytes", "free_bytes"] {
            assert!(number(node, field) > 0, "{field} of {node}");
        }
        let text = |field: &str| node[field].as_str().expect("a text");
        assert!(cluster.peers().split(',').any(|it| it == text("address")), "{node}");
        assert_eq!(
            (text("version"), &node["silent_ms"]),
            (env!("CARGO_PKG_VERSION"), &Value::Null)
        );
    }
}

fn copies(shard: &Value) -> &[Value] {
    shard["copies"].as_array().expect("a list")
}

fn check_shards(cluster: &Cluster) {
    // What nodes tell of themselves is some time old.
    let has_begun = |it: &Value| it["copy"].is_object() && number(&it["copy"], "applied") > 0;
    let is_whole = |it: &Value| copies(it).iter().all(has_begun);
    let all_serve = |it: &[Value]| it.iter().all(|it| it["is_serving"] == true && is_whole(it));
    let shards = list(cluster, "shards", all_serve);
    let numbers = shards.iter().map(|it| number(it, "shard"));
    assert!(numbers.eq([0, 1, 2, 3, META]), "{shards:?}");
    for shard in &shards {
        let leader = number(shard, "leader");
        for field in ["lag_max", "queued", "quarantined", "dead_letters"] {
            assert!(number(&shard["led"], field) < 100, "{field} of {shard}");
        }
        assert!(number(&shard["led"], "activation") > 0, "{shard}");
        let nodes: BTreeSet<_> = copies(shard).iter().map(|it| number(it, "node")).collect();
        assert!(nodes.into_iter().eq(1..=3), "{shard}");
        for copy in copies(shard) {
            let (node, copy) = (number(copy, "node"), &copy["copy"]);
            assert_eq!(
                (&copy["is_voter"], &copy["failure"]),
                (&true.into(), &Value::Null),
                "{shard}"
            );
            assert_eq!(copy["led"].is_object(), node == leader, "{shard}");
            assert!(number(copy, "applied") > 0 && number(copy, "lag") < 100, "{shard}");
        }
    }
}

/// The lines of a table, in words, below its head, which begins with this.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines();
    assert!(lines.next().is_some_and(|it| it.starts_with(head)), "{text}");
    lines.map(|it| it.split_ascii_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn operators_are_told_of_every_node_and_every_shard() {
    let cluster = Cluster::new("told", NODES);
    check_nodes(&cluster);
    check_shards(&cluster);
    let shards = rows(&cluster.operate(&["shards"]), "shard");
    assert!(shards.iter().map(|it| &*it[0]).eq(["0", "1", "2", "3", "meta"]), "{shards:?}");
    for shard in shards {
        let copies: BTreeSet<_> = shard.iter().filter_map(|it| it.split_once(':')).collect();
        assert!(copies.iter().map(|(node, _)| *node).eq(["1", "2", "3"]), "{shard:?}");
        assert!(copies.iter().all(|(_, applied)| applied.parse::<u64>().is_ok()), "{shard:?}");
    }

    cluster.strike("n3");
    for (at, node) in (1..).zip(rows(&cluster.operate(&["status"]), "node")) {
        let (number, name) = (format!("{at}"), format!("n{at}"));
        assert_eq!(node[..2], [number, name], "{node:?}");
        assert_eq!(node.iter().any(|it| it == "NO"), at == NODES, "{node:?}");
        assert_eq!(node.iter().any(|it| it == "yes"), at < NODES, "{node:?}");
    }
}
