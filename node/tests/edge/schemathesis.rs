//! Schemathesis, told only of `/openapi.json`, finds nothing.

use std::io::{Write as _, stderr};
use std::path::PathBuf;
use std::process::Command;

use crate::rig::{Rig, folder, rig, variable};

/// Longest run, in seconds. There are two.
const SECONDS_MAX: &str = "25";

/// How the executable `st` of schemathesis 4.32 is called.
///
/// Routes of operators are left out, because they answer 404 where schemathesis expects 401, and so
/// is the end of sessions, because it would end the session of the run itself.
const OPTIONS: [&str; 16] = [
    "--checks",
    "all",
    "--max-time",
    SECONDS_MAX,
    "--continue-on-failure",
    "--no-color",
    "--generation-database",
    "none",
    "--workers",
    "1",
    "--exclude-path-regex",
    "^/(v1/(operator|test)/|metrics$)",
    "--exclude-operation-id",
    "EndSession",
    "--seed",
    "1",
];

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing() {
    let Some(st) = variable("ROOST_SCHEMATHESIS") else {
        writeln!(
            stderr(),
            "SKIP schemathesis: ROOST_SCHEMATHESIS does not name the executable `st`"
        )
        .ok();
        return;
    };
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let token = format!("Authorization: Bearer {}", alice.token);
    tokio::join!(run(&rig, &st, "account", Some(token)), run(&rig, &st, "anyone", None));
}

async fn run(rig: &Rig, st: &str, name: &str, header: Option<String>) {
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    let mut command = Command::new(st);
    // It leaves files where it runs.
    command.current_dir(folder(&format!("schemathesis-{name}")));
    command.arg("--config-file").arg(config).arg("run");
    command.arg(format!("{}/openapi.json", rig.url())).args(OPTIONS);
    command.args(header.iter().flat_map(|it| ["--header", it]));
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = running.await.expect("waiting does not panic").expect("`st` can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "as {name}:\n{text}");
    assert!(text.contains("passed"), "as {name}, nothing was tested:\n{text}");
}
