//! Bytes that rot while a node is off.

use super::rig::{NODES, Nodes, cut, files, flip, length};

/// Bytes before the first entry of a segment.
const HEADER_BYTES: u64 = 24;

/// Files above so many bytes are broken: smaller ones hold little.
const LARGE: u64 = 2_000;

/// A broken byte of a node's files costs at most its copies, which begin new lives.
fn survives(nodes: &mut Nodes, folder: &str, (part, parts): (u64, u64)) {
    nodes.add(300);
    nodes.agree();
    nodes.stop(2);
    let all = files(&nodes.folder(2).join(folder));
    let large: Vec<_> = all.iter().filter(|it| length(it) > LARGE).collect();
    assert!(!large.is_empty(), "{folder} has no file of that size: {all:?}");
    let file = large[usize::try_from(part).unwrap() % large.len()];
    let at = (length(file) - 1) * part / (parts - 1);
    flip(file, at);
    nodes.start(2).unwrap_or_else(|error| panic!("byte {at} of {}: {error}", file.display()));
    nodes.add(100);
    nodes.agree();
    nodes.check_sums();
}

#[test]
fn a_broken_byte_of_the_log_loses_nothing() {
    let mut nodes = Nodes::new("broken-log");
    nodes.add(2_000);
    for part in 0..5 {
        survives(&mut nodes, "log", (part, 5));
    }
    assert!(nodes.lives(2).iter().any(|it| *it > 1), "nothing was noticed: {:?}", nodes.lives(2));
    nodes.stop_all();
}

#[test]
fn a_broken_byte_of_the_rows_loses_nothing() {
    let mut nodes = Nodes::new("broken-rows");
    // Enough for rows to be flushed.
    nodes.add(6_000);
    for part in 0..5 {
        survives(&mut nodes, "rows", (part, 5));
    }
    assert!(nodes.lives(2).iter().any(|it| *it > 1), "nothing was noticed: {:?}", nodes.lives(2));
    nodes.stop_all();
}

#[test]
fn a_torn_end_of_the_log_is_cut_and_nothing_is_lost() {
    let mut nodes = Nodes::new("torn-log");
    nodes.add(500);
    nodes.agree();
    (1..=NODES).for_each(|node| nodes.stop(node));
    for node in 1..=NODES {
        let segments = files(&nodes.folder(node).join("log"));
        let last = segments.iter().rfind(|it| length(it) > HEADER_BYTES).unwrap();
        // Half a frame that nobody was told of: as a power cut leaves it.
        let whole = length(last);
        let half = std::fs::read(last).unwrap()[24..40].to_vec();
        let file = std::fs::File::options().append(true).open(last).unwrap();
        std::io::Write::write_all(&mut &file, &half).unwrap();
        assert!(length(last) > whole);
    }
    (1..=NODES).for_each(|node| nodes.start(node).unwrap());
    nodes.agree();
    nodes.check_sums();
    assert!((1..=NODES).all(|node| nodes.lives(node).iter().all(|life| *life == 1)));
    nodes.stop_all();
}

#[test]
fn a_log_whose_end_is_missing_is_replaced_by_what_others_have() {
    let mut nodes = Nodes::new("short-log");
    nodes.add(500);
    nodes.agree();
    nodes.stop(2);
    let segments = files(&nodes.folder(2).join("log"));
    let largest = segments.iter().max_by_key(|it| length(it)).unwrap();
    // A file system that forgot what it had synced: the copy seems whole, and is not. One of three may.
    cut(largest, length(largest) / 2);
    nodes.start(2).unwrap();
    nodes.add(100);
    nodes.agree();
    nodes.check_sums();
    nodes.stop_all();
}
