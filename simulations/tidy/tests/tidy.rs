//! The whole workspace is tidy.

use std::path::Path;

use tidy::{exceptions, file, run};

#[test]
fn workspace_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = file::read(&root).expect("the workspace can be read");
    let list = files.iter().find(|it| it.path == exceptions::PATH).expect("the list is there");
    let faults = exceptions::excuse(&list.text, run::run(&files));
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}
