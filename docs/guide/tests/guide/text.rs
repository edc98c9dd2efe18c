//! The code of the guide is that of the files, and its changes fit the tree.
//!
//! A block of the guide says what it is behind its language: a path. Blocks of Rust make up a file, with
//! empty lines between them; a `diff` changes one that is there, at each `@@` another place of it; a script
//! is one without its transcript; a `text` is a part of a transcript.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::FOLDER;

/// A block of the guide.
struct Block {
    language: String,
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(FOLDER).join("../..")
}

/// All blocks that name a path.
fn blocks() -> Vec<Block> {
    let guide = fs::read_to_string(Path::new(FOLDER).join("../write-a-service.md"));
    let guide = guide.expect("the guide is there");
    let fences: Vec<&str> = guide.split("\n```").collect();
    let block = |fence: &&str| {
        let (head, text) = fence.split_once('\n')?;
        let (language, path) = head.split_once(' ')?;
        let [language, path] = [language, path].map(str::to_owned);
        Some(Block { language, path, text: format!("{text}\n") })
    };
    fences.iter().filter_map(block).collect()
}

/// The blocks of a language, put together by path.
fn files(language: &str) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for block in blocks().into_iter().filter(|it| it.language == language) {
        let file = files.entry(block.path).or_default();
        if !file.is_empty() {
            *file += "\n";
        }
        *file += &block.text;
    }
    files
}

/// Where a file of the guide is kept.
fn kept(path: &str) -> PathBuf {
    let places = [
        ("actors/src/polls/", "src/polls"),
        ("actors/golden/polls/", "golden/polls"),
        ("simulations/src/workloads/", "tests/guide/workloads"),
        ("actors/tests/wire/", "tests/guide/wire"),
    ];
    let place = places.iter().find_map(|(from, to)| Some((path.strip_prefix(from)?, to)));
    let (name, folder) = place.unwrap_or_else(|| panic!("{path} is not kept in docs/guide"));
    Path::new(FOLDER).join(folder).join(name)
}

#[test]
fn all_code_is_that_of_the_files() {
    let shown = files("rust");
    for (path, text) in &shown {
        assert_eq!(*text, fs::read_to_string(kept(path)).unwrap(), "{path}");
    }
    for entry in fs::read_dir(Path::new(FOLDER).join("src/polls")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(shown.contains_key(&format!("actors/src/polls/{name}")), "{name} is not shown");
    }
    assert!(shown.contains_key("simulations/src/workloads/polls.rs"));
}

#[test]
fn all_changes_fit() {
    let diffs = files("diff");
    for (path, text) in &diffs {
        let is_own = path.starts_with("actors/src/polls/");
        let file = if is_own { kept(path) } else { root().join(path) };
        let file = fs::read_to_string(file).unwrap();
        for place in text.split("@@\n") {
            let before = place.lines().filter(|line| !line.starts_with('+'));
            let before: String = before.flat_map(|line| [&line[1..], "\n"]).collect();
            assert_eq!(file.matches(&before).count(), 1, "in {path}:\n{before}");
        }
    }
    assert!(diffs.len() > 5);
}

#[test]
fn scripts_and_transcripts_are_those_of_the_files() {
    for (path, script) in files("script") {
        let transcript = fs::read_to_string(kept(&path)).unwrap();
        let lines = transcript.lines().filter(|line| !line.starts_with("  "));
        assert_eq!(script, lines.flat_map(|line| [line, "\n"]).collect::<String>(), "{path}");
    }
    for Block { path, text, .. } in blocks().into_iter().filter(|it| it.language == "text") {
        let transcript = fs::read_to_string(kept(&path)).unwrap();
        assert!(transcript.contains(&text), "not in {path}:\n{text}");
    }
}
