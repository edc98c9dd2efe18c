//! Writes the service down as the guide breaks it: `tests/broken.rs` runs it.

use std::path::Path;
use std::{env, fs};

const GUIDE: &str = "../write-a-service.md";

const SOURCE: &str = "src/polls";

fn main() {
    println!("cargo::rerun-if-changed={GUIDE}");
    println!("cargo::rerun-if-changed={SOURCE}");
    let guide = fs::read_to_string(GUIDE).expect("the guide is there");
    let change = guide.split("\n```diff actors/src/polls/poll.rs\n").nth(1);
    let change = change.and_then(|it| it.split("\n```").next()).expect("the guide breaks it");
    let folder = env::var_os("OUT_DIR").expect("cargo says where");
    let folder = Path::new(&folder).join("polls");
    fs::create_dir_all(&folder).expect("it is ours");
    for entry in fs::read_dir(SOURCE).expect("the service is there") {
        let path = entry.expect("it can be read").path();
        let text = fs::read_to_string(&path).expect("it is text");
        let name = path.file_name().expect("it is a file");
        let written = match name.to_str() {
            Some("poll.rs") => changed(&text, change),
            // What is included has no documentation of its own.
            Some("mod.rs") => text.lines().filter(|it| !it.starts_with("//!")).map(line).collect(),
            Some(_) | None => text,
        };
        fs::write(folder.join(name), written).expect("it is ours");
    }
}

fn line(text: &str) -> String {
    format!("{text}\n")
}

/// A text with a change: lines that go begin with a minus, lines that come with a plus.
fn changed(text: &str, change: &str) -> String {
    let side = |other: char| {
        let lines = change.lines().filter(move |it| !it.starts_with(other));
        lines.map(|it| line(&it[1..])).collect::<String>()
    };
    let (before, after) = (side('+'), side('-'));
    assert_eq!(text.matches(&before).count(), 1, "the change fits one place:\n{before}");
    text.replace(&before, &after)
}
