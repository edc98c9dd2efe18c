//! A node stands still for half a minute, and knows nothing of it afterwards.

use std::time::Duration;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::load::Load;

/// Between two things that happen.
const REST: Duration = Duration::from_secs(2);

/// Far above every timeout between nodes.
const STILL: Duration = Duration::from_secs(30);

/// The node that leads most shards, and the others.
fn leader_and_others(cluster: &Cluster) -> (String, Vec<String>) {
    let told: Value = serde_json::from_str(&cluster.operate(&["status", "--json"])).expect("JSON");
    let nodes = told["nodes"].as_array().expect("a list").iter();
    let leads = nodes.map(|it| (it["leads"].as_u64(), it["name"].as_str().unwrap_or_default()));
    let mut leads: Vec<_> = leads.map(|(leads, name)| (leads, name.to_owned())).collect();
    leads.sort();
    eprintln!("they lead so many shards: {leads:?}");
    let (_, most) = leads.pop().expect("there are nodes");
    (most, leads.into_iter().map(|(_, name)| name).collect())
}

#[test]
fn a_node_that_stood_still_believes_nothing_that_is_over() {
    let cluster = Cluster::new("stopped", 3);
    let load = Load::new(cluster.urls());
    std::thread::sleep(REST);
    let (leader, others) = leader_and_others(&cluster);
    cluster.signal(&leader, "STOP");
    load.move_to(others.iter().map(|it| cluster.url(it)).collect());
    std::thread::sleep(STILL);
    cluster.signal(&leader, "CONT");
    // It led shards, and still believes so: whoever asks it must not be told what was true then.
    load.move_to(vec![cluster.url(&leader)]);
    std::thread::sleep(REST);
    load.check();
}
