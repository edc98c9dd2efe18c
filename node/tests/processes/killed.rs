//! Every node is killed or told to end in turn, under load, and nothing is lost.

use std::fs;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::load::Load;

/// Between two kills.
const REST: Duration = Duration::from_secs(2);

#[test]
fn every_node_is_killed_in_turn_and_nothing_is_lost() {
    let mut cluster = Cluster::new("killed", 3);
    let load = Load::new(cluster.urls());
    for node in ["n1", "n2", "n3"] {
        std::thread::sleep(REST);
        cluster.kill(node);
        load.move_to(cluster.urls());
    }
    load.check();
}

/// How long anybody waits is for simulations to say: this machine may be busy.
#[test]
fn every_node_that_ends_says_so_and_nothing_is_lost() {
    let mut cluster = Cluster::new("ended", 3);
    let load = Load::new(cluster.urls());
    let nodes = ["n1", "n2", "n3"];
    for node in nodes {
        let others = nodes.into_iter().filter(|it| *it != node);
        load.move_to(others.map(|it| cluster.url(it)).collect());
        std::thread::sleep(REST);
        cluster.stop_one(node);
    }
    load.check();
    for node in nodes {
        let log = fs::read_to_string(cluster.data(&format!("{node}.log"))).expect("it logs");
        let ends = log.lines().filter(|it| it.contains("a node ends")).count();
        assert_eq!(ends, nodes.len() - 1, "{log}");
    }
}
