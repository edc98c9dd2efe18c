//! Disks that are full. Each test mounts a small one in a namespace of its own, and runs a part of
//! itself there.

use std::collections::BTreeMap;
use std::env::current_exe;
use std::fs;
use std::io::{Write as _, stderr};
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use cluster::request::{Answer, Failure};
use node::assembly::Room;

use super::rig::{NODES, Nodes, ROOM};
use super::tally::Clear;

/// Bytes of the disk that all nodes share.
const DISK: &str = "size=160m";

/// The same disk, when somebody has made room.
const LARGER_DISK: &str = "remount,size=800m";

/// Bytes that come with one command.
const FILLER_BYTES: u64 = 32_000;

/// More commands than fit.
const COMMANDS_MAX: u64 = 20_000;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Mounts a small disk at a folder of this name and runs `first` there; makes it larger, and runs
/// `second`. Yields what they said; none where that cannot be done.
fn on_small_disk(name: &str, first: &str, second: &str) -> Option<String> {
    let disk = folder(name);
    fs::create_dir_all(&disk).unwrap();
    let script = r#"mount -t tmpfs -o "$2" tmpfs "$1" || exit 77
        "$0" --ignored --exact "$4" --nocapture
        echo "the first part ended with $?"
        mount -o "$3" "$1" && "$0" --ignored --exact "$5" --nocapture"#;
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script]);
    command.arg(current_exe().unwrap()).arg(&disk).args([DISK, LARGER_DISK, first, second]);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            writeln!(stderr(), "SKIP full disk: there is no unshare: {error}").ok();
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    if !said.contains("running 1 test") {
        writeln!(stderr(), "SKIP full disk: no file system can be mounted here: {errors}").ok();
        return None;
    }
    assert!(output.status.success(), "{said}\n{errors}");
    Some(said)
}

/// What was acknowledged, on a disk that is not full.
fn remember(name: &str, added: &BTreeMap<u64, u64>) {
    fs::write(folder(&format!("{name}.added")), serde_json::to_vec(added).unwrap()).unwrap();
}

fn check_remembered(name: &str, room: Room) {
    let mut nodes = Nodes::at(folder(name), room);
    (1..=NODES).for_each(|node| nodes.start(node).unwrap());
    nodes.agree();
    let added = fs::read(folder(&format!("{name}.added"))).unwrap();
    let added: BTreeMap<u64, u64> = serde_json::from_slice(&added).unwrap();
    for (tally, sum) in &added {
        let found = nodes.sum(1, *tally).unwrap();
        // The last one may have had an effect that nobody learned of.
        assert!(found == *sum || found == sum + 1, "tally {tally} is {found}, and was {sum}");
    }
    nodes.fill(1, FILLER_BYTES).unwrap();
    nodes.stop_all();
}

/// Room for what was taken before.
const CAREFUL: Room = Room { free_bytes_min: 64 << 20, ..ROOM };

#[test]
fn a_full_disk_takes_only_what_makes_room() {
    let said = on_small_disk("full", "full::until_it_is_refused", "full::what_was_taken_is_there");
    if let Some(said) = said {
        assert!(said.contains("the first part ended with 0"), "{said}");
    }
}

#[test]
#[ignore = "a part of another test"]
fn until_it_is_refused() {
    let mut nodes = Nodes::at(folder("full"), CAREFUL);
    (1..=NODES).for_each(|node| nodes.start(node).unwrap());
    nodes.found();
    let refused = (1..COMMANDS_MAX).find_map(|tally| {
        // Slower than nodes look at their disks, as disks are.
        sleep(Duration::from_millis(10));
        nodes.fill(tally, FILLER_BYTES).err()
    });
    assert_eq!(refused, Some(Failure::StorageFull), "after {}", nodes.added().len());
    assert!(nodes.added().len() > 50, "{} are too few", nodes.added().len());
    assert!(matches!(nodes.once(1, &Clear {}), Answer::Outcome(_)), "what makes room is taken");
    assert_eq!(nodes.sum(2, 1), Ok(1), "questions are answered");
    remember("full", nodes.added());
    nodes.stop_all();
}

#[test]
#[ignore = "a part of another test"]
fn what_was_taken_is_there() {
    check_remembered("full", CAREFUL);
}

/// Nobody looks how much is left.
const CARELESS: Room = Room { free_bytes_min: 0, ..ROOM };

#[test]
fn a_disk_that_fills_up_on_its_own_ends_nodes_and_loses_nothing() {
    on_small_disk("fuller", "full::until_nothing_goes", "full::all_of_it_is_there");
}

#[test]
#[ignore = "a part of another test"]
fn until_nothing_goes() {
    let mut nodes = Nodes::at(folder("fuller"), CARELESS);
    (1..=NODES).for_each(|node| nodes.start(node).unwrap());
    nodes.found();
    let refused = (1..COMMANDS_MAX).find_map(|tally| nodes.fill(tally, FILLER_BYTES).err());
    assert!(refused.is_some(), "the disk is larger than that");
    assert!(nodes.added().len() > 50, "{} are too few", nodes.added().len());
    remember("fuller", nodes.added());
}

#[test]
#[ignore = "a part of another test"]
fn all_of_it_is_there() {
    check_remembered("fuller", CARELESS);
}
