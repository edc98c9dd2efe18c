//! Nodes that come and go.

use std::thread::sleep;
use std::time::Duration;

use super::rig::{NODES, Nodes};

#[test]
fn whichever_node_is_away_nothing_is_lost() {
    let mut nodes = Nodes::new("away");
    for node in 1..=NODES {
        nodes.stop(node);
        nodes.add(300);
        nodes.check_sums();
        nodes.start(node).unwrap();
        nodes.agree();
        nodes.check_sums();
    }
    nodes.stop_all();
    (1..=NODES).for_each(|node| nodes.start(node).unwrap());
    nodes.agree();
    nodes.check_sums();
    nodes.stop_all();
}

#[test]
fn a_snapshot_that_is_cut_short_is_taken_again() {
    let mut nodes = Nodes::new("cut-short");
    nodes.add(500);
    nodes.stop(3);
    // Far more than the log of a leader keeps.
    nodes.add(8_000);
    for millis in [5, 20, 50, 100, 200, 400] {
        nodes.start(3).unwrap();
        sleep(Duration::from_millis(millis));
        nodes.stop(3);
    }
    nodes.start(3).unwrap();
    nodes.agree();
    nodes.check_sums();
    nodes.stop_all();
}
