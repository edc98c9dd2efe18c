//! Every node is killed in turn, under load, and nothing is lost.

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
