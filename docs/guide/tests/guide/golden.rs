//! Transcripts, as `cargo golden` has them.

use std::path::Path;
use std::{env, fs};

use entity::registry::Registry;
use simulations::golden::file::{difference, perform, scripts};

use crate::FOLDER;

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs it says whether to rewrite")]
fn transcripts_are_as_reviewed() {
    let is_update = env::var("UPDATE_GOLDEN").is_ok_and(|it| it == "1");
    let found = scripts(&Path::new(FOLDER).join("golden")).unwrap();
    assert!(!found.is_empty());
    for path in found {
        let reviewed = fs::read_to_string(&path).unwrap();
        let mut registry = Registry::default();
        guide::register(&mut registry);
        let performed = perform(&reviewed, registry).unwrap();
        if is_update {
            fs::write(&path, performed).unwrap();
            continue;
        }
        let difference = difference(&performed, &reviewed);
        assert!(difference.is_none(), "{}: {}", path.display(), difference.unwrap_or_default());
    }
}
