//! Who may use whom.

use std::collections::BTreeSet;

use crate::fault::Fault;
use crate::file::File;
use crate::manifest;
use crate::paths::{Path, paths};

/// Our crates, and which of ours each is built with. A new edge is a decision.
const LAYERS: [(&str, &[&str]); 20] = [
    ("entity-derive", &[]),
    ("entity", &["entity-derive"]),
    ("config", &[]),
    ("probe", &[]),
    ("cluster", &["entity", "probe"]),
    ("wal", &["probe"]),
    ("engine", &["entity"]),
    ("engine-fjall", &["engine", "entity"]),
    ("raft", &["cluster", "engine", "entity", "probe", "wal"]),
    ("quic", &["cluster", "entity", "raft"]),
    ("runtime", &["cluster", "engine", "entity", "probe", "raft", "wal"]),
    ("actors", &["entity"]),
    ("guide", &["actors", "entity"]),
    (
        "node",
        &[
            "actors",
            "cluster",
            "config",
            "engine",
            "engine-fjall",
            "entity",
            "probe",
            "quic",
            "raft",
            "runtime",
            "wal",
        ],
    ),
    (
        "simulations",
        &[
            "actors",
            "chance",
            "cluster",
            "config",
            "engine",
            "entity",
            "entity-derive",
            "node",
            "probe",
            "raft",
            "runtime",
            "seeded-entropy",
            "tidy",
            "wal",
        ],
    ),
    // It sees no node from within: processes are asked as their clients ask them.
    ("chaos", &["chance", "cluster", "entity"]),
    ("chance", &[]),
    ("fuzz", &[]),
    ("seeded-entropy", &[]),
    ("tidy", &[]),
];

/// The crates that must not see a runtime or I/O, so that a handler cannot either.
const PURE: [&str; 3] = ["actors", "entity", "guide"];

/// What the crates of [`PURE`] are built with, besides ours. It is complete.
const PURE_DEPENDENCIES: [&str; 7] =
    ["bytes", "crc32c", "rkyv", "schemars", "serde", "serde_json", "sha2"];

/// Finds dependencies that the layers do not allow.
pub fn edges(file: &File) -> Vec<Fault> {
    let Some(package) = manifest::package(&file.text).filter(|_| file.name() == "Cargo.toml")
    else {
        return Vec::new();
    };
    let Some((_, allowed)) = LAYERS.iter().find(|it| it.0 == package) else {
        let message = format!("`{package}` is not in the layer table of simulations/tidy");
        return vec![Fault::new(&file.path, 1, "edges", message)];
    };
    let mut faults = Vec::new();
    for dependency in manifest::dependencies(&file.text) {
        let name = dependency.name.as_str();
        let is_ours = LAYERS.iter().any(|it| it.0 == name);
        let message = if is_ours && !allowed.contains(&name) {
            format!("`{package}` must not see `{name}`")
        } else if !is_ours && PURE.contains(&package) && !PURE_DEPENDENCIES.contains(&name) {
            format!("`{package}` is pure; `{name}` is not among what it may be built with")
        } else {
            continue;
        };
        faults.push(Fault::new(&file.path, dependency.line, "edges", message));
    }
    faults
}

/// Finds services that use more of another one than its `api`.
pub fn insides(files: &[File]) -> Vec<Fault> {
    let services: BTreeSet<&str> = files.iter().filter_map(service).collect();
    let mut faults = Vec::new();
    for file in files.iter().filter(|it| it.is_rust() && !it.is_contents()) {
        let Some(user) = service(file) else { continue };
        for path in paths(file) {
            if let Some(other) = reached(&path, user, &services) {
                let message = format!("reaches into `{other}`; use `crate::{other}::api`");
                faults.push(Fault::new(&file.path, path.line, "insides", message));
            }
        }
    }
    faults
}

/// Where openraft is translated to us, and back.
const RAFT: &str = "cluster/raft/";

/// Finds files elsewhere that name openraft.
pub fn raft_library(file: &File) -> Vec<Fault> {
    if file.path.starts_with(RAFT) {
        return Vec::new();
    }
    let named = paths(file).into_iter().filter(|it| it.begins(&["openraft"]));
    let first = named.into_iter().find(|it| it.is_import || it.parts.len() > 1);
    let message = format!("names openraft; only {RAFT} may");
    first.into_iter().map(|it| Fault::new(&file.path, it.line, "openraft", &*message)).collect()
}

/// The service a file belongs to: its folder in `actors/src`.
fn service(file: &File) -> Option<&str> {
    Some(file.path.strip_prefix("actors/src/")?.split_once('/')?.0)
}

/// The other service whose insides `path` names.
fn reached<'a>(path: &'a Path, user: &str, services: &BTreeSet<&str>) -> Option<&'a str> {
    let other = path.parts.get(1)?.as_str();
    let is_other = path.begins(&["crate"]) && other != user && services.contains(other);
    (is_other && path.parts.get(2).is_none_or(|it| it != "api")).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_edges(package: &str, dependencies: &str, expected: &[usize]) {
        let text = format!("[package]\nname = \"{package}\"\n[dependencies]\n{dependencies}");
        let faults = edges(&File::new("a/Cargo.toml", &text));
        let lines: Vec<usize> = faults.iter().map(|it| it.line).collect();
        assert_eq!(lines, expected, "{package}");
    }

    #[test]
    fn edges_are_checked() {
        check_edges("actors", "serde = \"1\"\ntokio = \"1\"\ncluster.workspace = true\n", &[5, 6]);
        check_edges("actors", "entity.workspace = true\n[dev-dependencies]\ntokio = \"1\"\n", &[]);
        check_edges("cluster", "tokio = \"1\"\nnode.workspace = true\n", &[5]);
        check_edges("simulations", "cluster.workspace = true\nnode.workspace = true\n", &[]);
        check_edges("guide", "actors.workspace = true\ntokio = \"1\"\n", &[5]);
        check_edges("surprise", "", &[1]);
    }

    #[track_caller]
    fn check_insides(text: &str, expected: &[usize]) {
        let files = [
            File::new("actors/src/chat/room.rs", text),
            File::new("actors/src/feeds/api.rs", ""),
            File::new("actors/src/ids.rs", ""),
        ];
        let lines: Vec<usize> = insides(&files).iter().map(|it| it.line).collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn insides_are_found() {
        check_insides("use crate::feeds::inbox::Inbox;\n", &[1]);
        check_insides(
            "use crate::{\n    chat::api::Post,\n    feeds::{api::Add, Inbox},\n};\n",
            &[3],
        );
        check_insides("fn f() {\n    crate::feeds::g();\n}\n", &[2]);
        check_insides("use crate::feeds;\n", &[1]);
        check_insides(
            "/// See [`crate::feeds::inbox`].\nuse crate::feeds::api::{self, Add};\n",
            &[],
        );
        check_insides("use crate::chat::room::Room;\nuse crate::ids::Id;\n", &[]);
    }

    #[test]
    fn users_of_openraft_are_found() {
        let check = |path: &str, text: &str| raft_library(&File::new(path, text)).len();
        assert_eq!(check("cluster/raft/src/group.rs", "use openraft::Raft;\n"), 0);
        assert_eq!(check("b.rs", "// openraft::Raft\nconst A: &str = \"openraft::Raft\";\n"), 0);
        assert_eq!(check("cluster/src/slots.rs", "use openraft::Raft;\n"), 1);
    }
}
