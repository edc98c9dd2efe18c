//! The service of the guide is served: what its reader types is typed here.

use std::io::{Write as _, stderr};
use std::path::Path;
use std::process::Command;

use entity::registry::Registry;
use node::launch::Services;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::rig::{Rig, ask, quick};
use crate::socket::Socket;

async fn rig() -> Rig {
    let mut registry = Registry::default();
    guide::register(&mut registry);
    let services = Services { registry, routes: guide::routes(), channels: guide::channels() };
    Rig::serving(&quick(), services).await
}

/// What the guide has its reader type when polls run, and what that comes to.
fn lesson() -> (String, String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/write-a-service.md");
    let guide = std::fs::read_to_string(file).expect("the guide is there");
    let mut blocks = guide.split("\n```").skip_while(|it| !it.starts_with("sh\nroost="));
    let typed = blocks.next().and_then(|it| it.strip_prefix("sh\n")).expect("it is there");
    let printed = blocks.nth(1).expect("what it comes to follows").trim_start();
    (typed.to_owned(), printed.to_owned())
}

/// Whether a line is as expected; `...` stands for anything.
fn is_like(line: &str, expected: &str) -> bool {
    let mut parts = expected.split("...");
    let Some(mut rest) = parts.next().and_then(|it| line.strip_prefix(it)) else { return false };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = if part.is_empty() { "" } else { behind };
    }
    rest.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guide_has_typed_comes_to_what_it_says() {
    let rig = rig().await;
    let (typed, printed) = lesson();
    let typed = typed.replace("http://127.0.0.1:8080", &rig.url());
    let mut command = Command::new("bash");
    command.args([
        "-euo",
        "pipefail",
        "-c",
        &format!("curl --version > /dev/null || exit 77\n{typed}"),
    ]);
    let ran = spawn_blocking(move || command.output()).await.expect("no panic");
    let output = ran.expect("bash is there");
    if output.status.code() == Some(77) {
        writeln!(stderr(), "SKIP: there is no curl").ok();
        return;
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let (said, printed): (Vec<_>, Vec<_>) = (said.lines().collect(), printed.lines().collect());
    let alike = said.iter().zip(&printed).filter(|(line, expected)| is_like(line, expected));
    assert_eq!(
        (alike.count(), said.len()),
        (printed.len(), printed.len()),
        "{said:#?} {printed:#?}"
    );
}

#[tokio::test]
async fn a_poll_comes_live_and_closes_by_itself() {
    let rig = rig().await;
    let (dora, emil) = (rig.register("dora").await, rig.register("emil").await);
    let wanted = |seconds: u32| json!({ "question": "Tea?", "choices": ["yes", "no"], "lasting_seconds": seconds });
    let open = |seconds, key: &str| {
        let request = ask("POST /v1/polls").token(&dora.token).key(key);
        request.json(wanted(seconds).to_string())
    };
    let opened = rig.send(open(2, "a")).await;
    assert_eq!(opened.status, 201, "{opened:?}");
    let poll = opened.field("poll");
    assert_eq!(rig.send(open(2, "a")).await.field("poll"), poll, "a repeat opens nothing");

    let mut socket = Socket::connected(&rig, &emil.token).await;
    let channel = format!("poll:{poll}");
    socket.say(&json!({ "id": 2, "subscribe": { "channel": channel } })).await;
    assert_eq!(socket.hear().await["id"], 2);
    let path = format!("POST /v1/polls/{poll}/votes");
    let vote =
        |choice: u8| ask(&path).token(&emil.token).json(json!({ "choice": choice }).to_string());
    assert_eq!(rig.send(vote(2)).await.code(), "poll_choice");
    assert_eq!(rig.send(vote(1)).await.status, 204);
    assert_eq!(rig.send(vote(1)).await.code(), "poll_voted");
    let mut pushed = Vec::new();
    while pushed.len() < 2 {
        pushed.push(socket.hear().await["push"]["pub"]["data"].clone());
    }
    assert_eq!(pushed, [json!({ "voted": { "choice": 1, "votes": 1 } }), json!("closed")]);

    let late = ask(&path).token(&dora.token).json("{\"choice\": 0}");
    assert_eq!(rig.send(late).await.code(), "poll_closed");
    let view = rig.send(ask(&format!("GET /v1/polls/{poll}")).token(&dora.token)).await.json();
    assert_eq!((&view["is_closed"], &view["choices"][1]["votes"]), (&json!(true), &json!(1)));
    let mine = rig.send(ask("GET /v1/me/polls").token(&dora.token)).await.json();
    assert_eq!(mine, json!({ "polls": [poll] }));
}

#[tokio::test]
async fn polls_are_refused_with_their_codes() {
    let rig = rig().await;
    let dora = rig.register("dora").await;
    let cases = [
        (json!({ "question": "", "choices": ["a", "b"], "lasting_seconds": 1 }), "poll_text_size"),
        (json!({ "question": "?", "choices": ["a"], "lasting_seconds": 1 }), "poll_choice_count"),
        (json!({ "question": "?", "choices": ["a", "b"], "lasting_seconds": 0 }), "poll_lasting"),
    ];
    for (wanted, code) in cases {
        let request = ask("POST /v1/polls").token(&dora.token).json(wanted.to_string());
        assert_eq!(rig.send(request).await.code(), code);
    }
    let nothing = "GET /v1/polls/00000000000000000000000001";
    assert_eq!(rig.send(ask(nothing).token(&dora.token)).await.code(), "poll_unknown");
    let document: Value = rig.send(ask("GET /openapi.json")).await.json();
    assert_eq!(document["paths"]["/v1/polls"]["post"]["tags"], json!(["polls"]));
    assert_eq!(
        document["x-channels"]["channels"]["poll"]["audience"],
        "Every account, and operators."
    );
}
