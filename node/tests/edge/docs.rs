//! The page with the description of all routes.

use std::collections::BTreeSet;
use std::io::{Write as _, stderr};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::rig::{Answer, Rig, ask, rig, variable};

async fn page(rig: &Rig) -> Answer {
    rig.send(ask("GET /docs").header("Accept: text/html")).await
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let rig = rig().await;
    let page = page(&rig).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("there is one");
    assert!(policy.starts_with("default-src 'none'; script-src 'unsafe-inline'"), "{policy}");
    let text = page.text();
    for elsewhere in ["src=", "@import", "http://", "https://", "<link"] {
        assert!(!text.contains(elsewhere), "{elsewhere}");
    }
    let index = rig.send(ask("GET /")).await;
    let home = rig.send(ask("GET /").header("Accept: text/html")).await;
    assert!(index.text().contains("/docs ") && home.text().contains("href=\"/docs\""), "{index:?}");
}

/// Names of all routes and channels of a document, as the page has them.
fn names(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().expect("there are paths").values();
    let operations = paths.flat_map(|it| it.as_object().expect("there are methods").values());
    let ids = operations.map(|it| it["operationId"].as_str().expect("each has one").to_owned());
    let channels = document["x-channels"]["channels"].as_object().expect("there are channels");
    ids.chain(channels.keys().map(|it| format!("channel-{it}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_finds_every_route_and_tries_some() {
    let tools = (variable("ROOST_CHROMIUM"), variable("ROOST_CENTRIFUGE_JS"));
    let (Some(browser), Some(modules)) = tools else {
        writeln!(
            stderr(),
            "SKIP: ROOST_CHROMIUM and ROOST_CENTRIFUGE_JS do not name a browser and modules"
        )
        .ok();
        return;
    };
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/edge/clients/docs.mjs");
    let mut command = Command::new("node");
    command.arg(script).args([&modules, &browser, &rig.url(), "alice", "correct horse"]);
    let ran = spawn_blocking(move || command.output()).await.expect("no panic");
    let output = ran.expect("node can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("it says what it found");

    let names = names(&rig.send(ask("GET /openapi.json")).await.json());
    let shown = told["all"].as_array().expect("a list").iter();
    let shown: BTreeSet<String> = shown.filter_map(Value::as_str).map(str::to_owned).collect();
    assert_eq!(shown, names);
    for name in &names {
        let found = told["found"][name].as_array().expect("it was searched");
        assert!(found.contains(&json!(name)), "{name} is not found: {found:?}");
    }
    assert_eq!(told["nothing"], json!([]));
    assert_eq!(told["byCode"], json!(["Publish"]));
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    assert!(text("me").contains(&alice.id), "{told}");
    assert!(text("published").contains("201 Created"), "{told}");
    assert!(text("refused").contains("post_body_size"), "{told}");
    assert!(text("live").contains("1: {") && text("live").contains("from the page"), "{told}");
    // A refusal is no defect of the page, but browsers report it as if it were one.
    let errors: Vec<_> = told["errors"].as_array().expect("a list").iter().collect();
    assert!(errors.iter().all(|it| it.as_str().is_some_and(|it| it.contains("422"))), "{errors:?}");
}
