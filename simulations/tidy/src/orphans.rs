//! Every file is reached by a `mod`.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::file::File;
use crate::manifest;

/// Finds files below a crate's `src` that no `mod name;` of their parent names.
pub fn orphans(files: &[File]) -> Vec<Fault> {
    let by_path: BTreeMap<&str, &File> = files.iter().map(|it| (it.path.as_str(), it)).collect();
    let mut faults = Vec::new();
    for root in files.iter().filter_map(source_root) {
        for file in files.iter().filter(|it| it.is_rust() && it.path.starts_with(&root)) {
            let Some((parents, module)) = place(&root, &file.path[root.len()..]) else { continue };
            let parents = parents.iter().filter_map(|it| by_path.get(it.as_str()));
            if !parents.into_iter().any(|it| declares(it, &module)) {
                let message = format!("no `mod {module};` reaches this file");
                faults.push(Fault::new(&file.path, 1, "orphans", message));
            }
        }
    }
    faults
}

/// The `src` folder of the crate whose manifest `file` is, with a slash at its end.
fn source_root(file: &File) -> Option<String> {
    let folder = file.path.strip_suffix("Cargo.toml")?;
    manifest::package(&file.text)?;
    Some(format!("{folder}src/"))
}

/// The files that may declare `path`, and the module they declare; none for the root of a crate.
fn place(root: &str, path: &str) -> Option<(Vec<String>, String)> {
    let stem = path.strip_suffix(".rs")?;
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    let (folder, module) = stem.rsplit_once('/').unwrap_or(("", stem));
    let is_binary = folder == "bin" || (folder.starts_with("bin/") && module == "main");
    if is_binary || matches!(path, "lib.rs" | "main.rs") {
        return None;
    }
    let parents = match folder {
        "" => vec![format!("{root}lib.rs"), format!("{root}main.rs")],
        _ => ["/mod.rs", ".rs", "/main.rs"].map(|end| format!("{root}{folder}{end}")).to_vec(),
    };
    Some((parents, module.to_owned()))
}

fn declares(parent: &File, module: &str) -> bool {
    let mut threes = parent.tokens.windows(3);
    // A module named like a keyword is written `r#enum` and lies in `enum.rs`.
    let is_name = |it: &str| it.strip_prefix("r#").unwrap_or(it) == module;
    threes.any(|it| it[0].is("mod") && is_name(&it[1].text) && it[2].is(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orphans_are_found() {
        let files = [
            File::new("a/Cargo.toml", "[package]\nname = \"a\"\n"),
            File::new("a/src/bin/tool.rs", ""),
            File::new("a/src/bin/big/main.rs", "mod part;"),
            File::new("a/src/bin/big/part.rs", ""),
            File::new("a/src/chat/lost.rs", ""),
            File::new("a/src/chat/enum.rs", ""),
            File::new("a/src/chat/mod.rs", "mod r#enum;\nmod room;\n// mod lost;\n"),
            File::new("a/src/chat/room.rs", ""),
            File::new("a/src/feeds.rs", "mod inbox;"),
            File::new("a/src/feeds/inbox.rs", ""),
            File::new("a/src/gone.rs", ""),
            File::new("a/src/lib.rs", "pub mod chat;\npub(crate) mod feeds;\nmod gone {}\n"),
            File::new("a/tests/a.rs", ""),
        ];
        let faults = orphans(&files);
        let found: Vec<&str> = faults.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(found, ["a/src/chat/lost.rs", "a/src/gone.rs"]);
    }
}
