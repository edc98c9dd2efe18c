//! The types of the source.

use std::fs;
use std::path::{Path, PathBuf};

use crate::FOLDER;

/// Every type that `#[data]` stands on: the first part of its path in `src`, and its name.
pub(crate) fn declared() -> Vec<(String, String)> {
    let source = Path::new(FOLDER).join("src");
    let mut types = Vec::new();
    for file in files(&source) {
        let place = file.strip_prefix(&source).expect("found in it").iter().next();
        let place = place.and_then(|it| it.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(&file).expect("a source file");
        for item in text.split("\n#[data").skip(1) {
            let mut words =
                item.split_whitespace().skip_while(|it| *it != "struct" && *it != "enum");
            let name = words.nth(1).expect("a name follows");
            let name = name.split(|it: char| !it.is_alphanumeric()).next().expect("a first part");
            types.push((place.clone(), name.to_owned()));
        }
    }
    types
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries.map(|it| it.expect("an entry").path()).collect();
    paths.sort();
    let inside = |it: PathBuf| if it.is_dir() { files(&it) } else { vec![it] };
    paths.into_iter().flat_map(inside).collect()
}
