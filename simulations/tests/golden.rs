//! What services do, line by line and record by record, is what was reviewed.
//!
//! `UPDATE_GOLDEN=1 cargo golden` rewrites the transcripts.
#![expect(clippy::disallowed_methods, reason = "whoever runs it says whether to rewrite")]

use std::path::Path;
use std::{env, fs};

use entity::registry::Registry;
use simulations::golden::file::{difference, perform, scripts};

fn services() -> Registry {
    let mut registry = Registry::default();
    actors::register(&mut registry);
    registry
}

#[test]
fn transcripts_are_as_reviewed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let is_update = env::var("UPDATE_GOLDEN").is_ok_and(|it| it == "1");
    let mut faults = Vec::new();
    for path in scripts(&root.join("actors/golden")).unwrap() {
        let name = path.strip_prefix(root).unwrap().display();
        let reviewed = fs::read_to_string(&path).unwrap();
        match perform(&reviewed, services()) {
            Err(error) => faults.push(format!("{name}: {error}")),
            Ok(performed) if is_update => fs::write(&path, performed).unwrap(),
            Ok(performed) => {
                let difference = difference(&performed, &reviewed);
                faults.extend(difference.map(|it| format!("{name}: {it}")));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{}\nIf this is what you want: UPDATE_GOLDEN=1 cargo golden",
        faults.join("\n")
    );
}

#[test]
fn a_script_is_performed() {
    let script = "\
# Somebody publishes.
user ann
call posts.author $ann Publish {\"body\": \"Hi\"} -> $post .post
  something old
ask posts.author $ann ReadPost {\"post\": \"$post\"}
";
    let performed = perform(script, services()).unwrap();
    let lines: Vec<_> = performed.lines().collect();
    assert_eq!(lines[3], "  = ok {\"post\":\"$post\"}");
    assert!(lines[4].starts_with("  record 1.1 "), "{performed}");
    assert!(performed.contains("put posts.author $ann archive"), "{performed}");
    assert!(performed.contains("posts.author $ann tells feeds.feed $ann: Deliver"), "{performed}");
    assert!(performed.contains("put feeds.feed $ann pushed ends at 1"), "{performed}");
    assert!(performed.contains("= ok {\"post\":\"$post\",\"body\":\"Hi\""), "{performed}");
    assert_eq!(perform(&performed, services()).unwrap(), performed, "nothing changes again");
}
