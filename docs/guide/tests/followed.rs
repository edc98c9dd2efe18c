//! Somebody follows the guide, in a copy of the tree: every night, for it takes long.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// What a copy of the tree needs.
const NEEDED: [&str; 14] = [
    ".cargo",
    "ARCHITECTURE.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "actors",
    "cluster",
    "clippy.toml",
    "config",
    "dev",
    "docs",
    "node",
    "rustfmt.toml",
    "simulations",
];

/// A tree in which the guide is followed.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("followed");
        fs::remove_dir_all(&root).ok();
        fs::create_dir_all(&root).expect("the folder for tests can be written");
        let from = Path::new(FOLDER).join("../..").canonicalize().expect("the tree is there");
        let mut copy = Command::new("cp");
        copy.arg("-a").args(NEEDED.map(|it| from.join(it))).arg(&root);
        assert!(copy.status().expect("cp is there").success());
        Self { root, target: from.join("target") }
    }

    /// Writes, adds and changes what a block says.
    fn take(&self, language: &str, path: &str, text: &str) {
        let path = self.root.join(path);
        if language == "diff" {
            let mut changed = fs::read_to_string(&path).expect("it is in the tree");
            for place in text.split("@@\n") {
                let side = |other: char| {
                    let lines = place.lines().filter(move |it| !it.starts_with(other));
                    lines.flat_map(|it| [&it[1..], "\n"]).collect::<String>()
                };
                changed = changed.replacen(&side('+'), &side('-'), 1);
            }
            fs::write(&path, changed).expect("it is ours");
            return;
        }
        let folder = path.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("it is ours");
        let space = if path.exists() { "\n" } else { "" };
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let written = file.and_then(|mut it| writeln!(it, "{space}{}", text.trim_end()));
        written.expect("it is ours");
    }

    fn cargo(&self, arguments: &str, is_update: bool) -> Output {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(&self.root).args(arguments.split(' '));
        command.env("CARGO_TARGET_DIR", &self.target);
        if is_update {
            command.env("UPDATE_GOLDEN", "1");
        }
        command.output().expect("cargo is there")
    }

    fn succeed(&self, arguments: &str, is_update: bool) -> String {
        let output = self.cargo(arguments, is_update);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests are told how long they may take")]
fn whoever_follows_the_guide_has_polls() {
    if env::var("ROOST_NIGHTLY").is_err() {
        eprintln!("SKIP: ROOST_NIGHTLY is not set, and this compiles most of roost again");
        return;
    }
    let guide = fs::read_to_string(Path::new(FOLDER).join("../write-a-service.md")).unwrap();
    let copy = Copy::new();
    let mut broken = None;
    for block in guide.split("\n```") {
        let (head, text) = block.split_once('\n').unwrap_or((block, ""));
        let Some((language, path)) = head.split_once(' ') else { continue };
        match language {
            "diff" if path.starts_with("actors/src/polls/") => broken = Some((path, text)),
            "diff" | "rust" | "script" => copy.take(language, path, text),
            _ => {}
        }
    }
    copy.succeed("test --locked -p tidy", false);
    for is_update in [true, false] {
        copy.succeed("test --locked -p actors --test wire", is_update);
        copy.succeed("golden --locked", is_update);
    }
    let script = "golden/polls/vote.txt";
    let written = fs::read_to_string(copy.root.join("actors").join(script)).unwrap();
    assert_eq!(written, fs::read_to_string(Path::new(FOLDER).join(script)).unwrap());
    let sim = "run --locked -q -p simulations --bin sim -- run --workload polls --seeds 0..";
    let clean = copy.succeed(&format!("{sim}300"), false);
    assert_eq!(clean, "seeds 300 violations 0\n");
    let (path, text) = broken.expect("the guide breaks it");
    copy.take("diff", path, text);
    let found = copy.cargo(&format!("{sim}20"), false);
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(found.status.code() == Some(1) && said.contains("has voted in"), "{said}");
    assert!(said.contains("repeat: cargo sim run --workload polls --seed "), "{said}");
    fs::remove_dir_all(&copy.root).unwrap();
}
