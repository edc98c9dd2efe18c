//! What has no place in code that decides.

use crate::fault::Fault;
use crate::file::File;
use crate::lex::Token;
use crate::paths::{Path, paths};

const RULE: &str = "purity";

/// Paths that pure code does not name, and what it does instead.
const BANNED: [(&[&str], &str); 7] = [
    (&["Instant", "now"], "time is an argument"),
    (&["SystemTime"], "time is an argument"),
    (&["std", "net"], "sockets belong to a port"),
    (&["std", "thread"], "threads belong to a port"),
    (&["std", "fs"], "files belong to a port"),
    (&["HashMap"], "iteration order is behaviour: BTreeMap"),
    (&["HashSet"], "iteration order is behaviour: BTreeSet"),
];

/// Crates that pure code does not name, and what it does instead.
const BANNED_CRATES: [(&str, &str); 2] =
    [("rand", "chance is an argument"), ("tokio", "tasks belong to the edge")];

/// Where ports are driven: there are tasks, and the production side of a port may block.
const DRIVERS: [&str; 6] = [
    "cluster/engine/fjall/",
    "cluster/quic/",
    "cluster/raft/",
    "cluster/runtime/",
    "cluster/wal/src/disk.rs",
    "cluster/wal/src/thread.rs",
];

/// Where services are.
const SERVICES: [&str; 2] = ["actors/", "docs/guide/src/"];

/// Finds clocks, chance, I/O, tasks and unordered collections in services and `cluster`.
pub fn impurities(file: &File) -> Vec<Fault> {
    let is_actors = SERVICES.iter().any(|it| file.path.starts_with(it));
    let is_driver = DRIVERS.iter().any(|it| file.path.starts_with(it));
    let is_cluster = file.path.starts_with("cluster/") && !is_driver;
    if !file.is_rust() || file.is_test() || !(is_actors || is_cluster) {
        return Vec::new();
    }
    let fault = |line: usize, what: &str, why: &str| {
        Fault::new(&file.path, line, RULE, format!("{what}: {why}"))
    };
    let mut faults = Vec::new();
    for path in paths(file) {
        if let Some(why) = banned(&path, is_actors) {
            faults.push(fault(path.line, &path.parts.join("::"), why));
        }
    }
    for pair in file.tokens.windows(2) {
        if let Some(why) = banned_pair(&pair[0], &pair[1]) {
            faults.push(fault(pair[0].line, &format!("{} {}", pair[0].text, pair[1].text), why));
        }
    }
    faults
}

/// Finds waits of services and `cluster` that do not say in which order they look: whoever is ready at the same
/// time as another would be a matter of chance.
pub fn unordered_waits(file: &File) -> Vec<Fault> {
    let is_ours =
        file.path.starts_with("cluster/") || SERVICES.iter().any(|it| file.path.starts_with(it));
    if !file.is_rust() || file.is_test() || !is_ours {
        return Vec::new();
    }
    let is_unordered = |it: &&[Token]| it[0].is("select") && it[1].is("!") && !it[3].is("biased");
    let found = file.tokens.windows(4).filter(is_unordered);
    let what = "select! without `biased;`: which of two is first is behaviour";
    found.map(|it| Fault::new(&file.path, it[0].line, RULE, what)).collect()
}

fn banned(path: &Path, is_actors: bool) -> Option<&'static str> {
    if is_actors && path.contains(&["serde_json", "Value"]) {
        return Some("a contract has types");
    }
    let named = BANNED.iter().find(|it| path.contains(it.0)).map(|it| it.1);
    let is_crate = path.is_import || path.parts.len() > 1;
    let from = BANNED_CRATES.iter().find(|it| is_crate && path.begins(&[it.0])).map(|it| it.1);
    named.or(from)
}

fn banned_pair(first: &Token, second: &Token) -> Option<&'static str> {
    if first.is("async") || (first.is(".") && second.is("await")) {
        return Some("nothing here awaits");
    }
    (first.is("println") && second.is("!")).then_some("output belongs to the edge")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: usize) {
        let faults = impurities(&File::new(path, text));
        assert_eq!(faults.len(), expected, "{text}: {faults:?}");
    }

    #[test]
    fn impurities_are_found() {
        for text in [
            "fn f() { g().await }",
            "async fn f() {}",
            "let now = std::time::Instant::now();",
            "use std::time::{Duration, SystemTime};",
            "use std::{net, time::Duration};",
            "std::thread::spawn(f);",
            "use std::fs;",
            "tokio::spawn(f);",
            "use std::collections::{BTreeMap, HashMap};",
            "let a: HashSet<u8>;",
            "use rand::random;",
            "println!(\"a\");",
            "use serde_json::{Map, Value};",
        ] {
            check("actors/src/chat/room.rs", text, 1);
        }
        check("cluster/entity/src/kind.rs", "use std::fs;", 1);
        check("docs/guide/src/polls/poll.rs", "use serde_json::Value;", 1);
    }

    #[test]
    fn unordered_waits_are_found() {
        for (path, text, expected) in [
            ("cluster/runtime/src/a.rs", "tokio::select! { () = a => {} }", 1),
            ("cluster/runtime/src/a.rs", "select! { biased; () = a => {} }", 0),
            ("cluster/runtime/src/a.rs", "select(a, b)", 0),
            ("cluster/runtime/tests/a.rs", "select! { () = a => {} }", 0),
            ("node/src/a.rs", "select! { () = a => {} }", 0),
        ] {
            assert_eq!(unordered_waits(&File::new(path, text)).len(), expected, "{path}: {text}");
        }
    }

    #[test]
    fn pure_code_passes() {
        for text in [
            "struct Instant(u64);",
            "// tokio::spawn, HashMap",
            "const A: &str = \"std::fs .await\";",
            "operand::f(); let rand = 1; use std::network;",
        ] {
            check("actors/src/chat/room.rs", text, 0);
        }
        check("cluster/src/wire.rs", "use serde_json::Value;", 0);
        check("cluster/tests/port.rs", "use std::fs;", 0);
        check("cluster/raft/src/group.rs", "async fn f() {}", 0);
        check("node/src/disk.rs", "use std::fs;", 0);
    }
}
