//! A node stands still for half a minute, and knows nothing of it afterwards.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::load::Load;

/// Between two things that happen.
const REST: Duration = Duration::from_secs(2);

/// Far above every timeout between nodes.
const STILL: Duration = Duration::from_secs(30);

#[test]
fn a_node_that_stood_still_believes_nothing_that_is_over() {
    let cluster = Cluster::new("stopped", 3);
    let load = Load::new(cluster.urls());
    std::thread::sleep(REST);
    cluster.signal("n1", "STOP");
    load.move_to(["n2", "n3"].map(|it| cluster.url(it)).to_vec());
    std::thread::sleep(STILL);
    cluster.signal("n1", "CONT");
    // It led shards, and still believes so: whoever asks it must not be told what was true then.
    load.move_to(vec![cluster.url("n1")]);
    std::thread::sleep(REST);
    load.check();
}
