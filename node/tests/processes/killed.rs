//! Every node is killed or told to end in turn, under load, and nothing is lost.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::load::Load;

/// Between two kills.
const REST: Duration = Duration::from_secs(2);

/// Posts between two things that happen.
const POSTS: usize = 200;

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
fn two_of_five_are_killed_at_once_and_nothing_is_lost() {
    let mut cluster = Cluster::with("five", 5, &[("COPIES", "5")]);
    let load = Load::new(cluster.urls());
    load.goes_on(POSTS);
    let killed = ["n1", "n4"];
    for node in killed {
        cluster.strike(node);
    }
    load.move_to(["n2", "n3", "n5"].map(|it| cluster.url(it)).to_vec());
    load.goes_on(POSTS);
    cluster.revive(&killed);
    load.move_to(killed.map(|it| cluster.url(it)).to_vec());
    load.goes_on(POSTS);
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
        let log = cluster.log(node);
        let ends = log.lines().filter(|it| it.contains("a node ends")).count();
        assert_eq!(ends, nodes.len() - 1, "{log}");
    }
}
