//! Every node is killed or told to end in turn, under load, and nothing is lost.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::load::Load;

/// Between two kills.
const REST: Duration = Duration::from_secs(2);

/// Longest wait for an answer while nodes end as planned. An election would take longer: others notice after
/// a second that a node is silent.
const PLANNED_MAX: Duration = Duration::from_secs(1);

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

#[test]
fn every_node_ends_in_turn_and_nobody_waits() {
    let mut cluster = Cluster::new("ended", 3);
    let load = Load::new(cluster.urls());
    for node in ["n1", "n2", "n3"] {
        let others = ["n1", "n2", "n3"].into_iter().filter(|it| *it != node);
        load.move_to(others.map(|it| cluster.url(it)).collect());
        std::thread::sleep(REST);
        cluster.stop_one(node);
    }
    let longest = load.check();
    assert!(longest < PLANNED_MAX, "somebody waited {longest:?}");
}
