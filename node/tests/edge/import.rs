//! What is imported arrives: every feed holds exactly what it should, in order.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{Write as _, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use node::api::ApiError;
use node::import::{Import, ImportError};

use crate::oracle::{Expected, Imported, tokens};
use crate::rig::{Rig, ask, folder, rig, variable};

/// Longest wait until every feed has what was posted, after the import.
const SETTLING_MAX: Duration = Duration::from_mins(1);

fn import(rig: &Rig, folder: &Path, follows: &Path, posts: &Path) -> Import {
    Import {
        follows: follows.to_owned(),
        posts: posts.to_owned(),
        to: vec![rig.url()],
        seed: 7,
        concurrency: 8,
        state: folder.join("state.jsonl"),
        posts_max: usize::MAX,
        people_max: usize::MAX,
        verify: false,
    }
}

/// A reader's whole feed by author, oldest first.
async fn feed(rig: &Rig, token: &str) -> BTreeMap<String, Vec<String>> {
    let mut feed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut query = "limit=100".to_owned();
    loop {
        let page = rig.send(ask(&format!("GET /v1/me/feed?{query}")).token(token)).await.json();
        for item in page["items"].as_array().unwrap_or_else(|| panic!("{page}")) {
            let text = |name: &str| item[name].as_str().expect("it is text").to_owned();
            feed.entry(text("handle")).or_default().insert(0, text("body"));
        }
        let Some(next) = page["next"].as_str() else { return feed };
        query = format!("limit=100&cursor={next}");
    }
}

/// Compares every feed with what it should hold; waits for deliveries under way.
async fn check(rig: &Rig, import: &Import) {
    let expected = Expected::of(&Imported {
        follows: import.follows.clone(),
        posts: import.posts.clone(),
        seed: import.seed,
        people_max: import.people_max,
        posts_max: import.posts_max,
    });
    let tokens = tokens(&import.state);
    assert_eq!(tokens.len(), expected.follows.len());
    let checking = async {
        for (reader, token) in expected.follows.keys().zip(&tokens) {
            let right = expected.feed(reader);
            let mut found = feed(rig, token).await;
            while found.values().map(Vec::len).sum::<usize>()
                < right.values().map(|it| it.len()).sum()
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
                found = feed(rig, token).await;
            }
            let found = found.iter().map(|(name, posts)| (name.as_str(), posts.as_slice()));
            assert_eq!(found.collect::<BTreeMap<_, _>>(), right, "the feed of {reader}");
        }
    };
    let lasting = SETTLING_MAX * if variable("ROOST_NIGHTLY").is_some() { 20 } else { 1 };
    tokio::time::timeout(lasting, checking).await.expect("all is delivered in time");
}

/// A ring of people with some chords, and some posts.
fn small(folder: &Path) -> [PathBuf; 2] {
    let [follows, posts] = ["follows.txt", "posts.csv"].map(|it| folder.join(it));
    let mut edges = String::new();
    for person in 0..20_u64 {
        writeln!(edges, "{person} {}", (person + 1) % 20).expect("a string takes any text");
        writeln!(edges, "{person} {}", (person * 7 + 3) % 20 + 20).expect("as above");
    }
    std::fs::write(&follows, edges).expect("the folder is ours");
    let rows = (0..100).map(|row| format!("\"글 {row}, with a comma\",x\n"));
    std::fs::write(&posts, rows.fold("post,reply\n".to_owned(), |all, row| all + &row))
        .expect("the folder is ours");
    [follows, posts]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_graph_arrives_and_a_repeat_changes_nothing() {
    let (rig, folder) = (rig().await, folder("import-small"));
    let [follows, posts] = small(&folder);
    let import = import(&rig, &folder, &follows, &posts);
    import.clone().import().await.expect("it is imported");
    check(&rig, &import).await;
    // Nothing is left to do.
    import.clone().import().await.expect("it goes on");
    check(&rig, &import).await;
    // Only the accounts are remembered, as if it had been killed then: all else is sent again.
    let text = std::fs::read_to_string(&import.state).expect("the state is there");
    let is_begun = |line: &&str| !line.contains("\"done\"");
    let begun: Vec<&str> = text.lines().filter(is_begun).collect();
    std::fs::write(&import.state, begun.join("\n") + "\n").expect("the folder is ours");
    import.clone().import().await.expect("it goes on");
    check(&rig, &import).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_data_arrives() {
    let data = variable("ROOST_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let [follows, posts] = ["follows.txt", "posts-ko.csv"].map(|it| data.join(it));
    if !follows.exists() || !posts.exists() {
        writeln!(
            stderr(),
            "SKIP real data: it is not in {}; ROOST_TEST_DATA may name its folder",
            data.display()
        )
        .ok();
        return;
    }
    let (rig, folder) = (rig().await, folder("import-real"));
    let mut import = import(&rig, &folder, &follows, &posts);
    import.concurrency = 32;
    if variable("ROOST_NIGHTLY").is_none() {
        (import.people_max, import.posts_max) = (400, 1_500);
    }
    let summary = import.clone().import().await.expect("it is imported");
    eprintln!("{summary}");
    check(&rig, &import).await;
}

#[tokio::test]
async fn wrong_input_is_named() {
    let (rig, folder) = (rig().await, folder("import-wrong"));
    let [follows, posts] = small(&folder);
    let wrong = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path
    };
    let gone = folder.join("gone");
    let cases = [
        (wrong("a", "1 2\n1 x\n"), posts.clone(), "a, line 2: expected two numbers"),
        (wrong("b", "1 2\n\n3 3\n"), posts.clone(), "b, line 3: 3 cannot follow 3"),
        (follows.clone(), wrong("c", "text\nx\n"), "c, line 1: expected a column \"post\""),
        (follows.clone(), wrong("d", "post,reply\na,b\nc\n"), "d, line 3: "),
        (gone.clone(), posts.clone(), "gone: No such file"),
        (follows.clone(), gone, "gone: No such file"),
        (wrong("e", "# nobody\n"), posts.clone(), "e: nobody is there"),
    ];
    for (follows, posts, expected) in cases {
        let error = import(&rig, &folder, &follows, &posts).import().await.expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!folder.join("state.jsonl").exists(), "{expected}");
    }
    let mut elsewhere = import(&rig, &folder, &follows, &posts);
    elsewhere.to = vec!["localhost:8080".to_owned()];
    let error = elsewhere.import().await.expect_err("it is no URL");
    assert!(matches!(error, ImportError::Api(ApiError::Address { .. })), "{error}");
}

#[tokio::test]
async fn a_refusal_stops_the_import_and_is_shown() {
    let (rig, folder) = (rig().await, folder("import-refused"));
    let [follows, posts] = small(&folder);
    rig.register("p0003").await;
    let error = import(&rig, &folder, &follows, &posts).import().await.expect_err("it is taken");
    assert!(matches!(error, ImportError::Api(ApiError::Refused { status: 409, .. })), "{error}");
    assert!(error.to_string().contains("handle_taken"), "{error}");
}
