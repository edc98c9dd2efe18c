//! Who has no valid token is nobody, and learns nothing.

use crate::rig::{Rig, ask, rig};

async fn status(rig: &Rig, token: &str) -> (u16, String) {
    let answer = rig.send(ask("GET /v1/me").token(token)).await;
    let code = if answer.status == 200 { String::new() } else { answer.code() };
    (answer.status, code)
}

fn invalid() -> (u16, String) {
    (401, "token_invalid".to_owned())
}

#[tokio::test]
async fn a_token_is_valid_as_a_whole_or_not_at_all() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    assert_eq!(status(&rig, &alice.token).await.0, 200);
    for at in 0..alice.token.len() {
        assert_eq!(status(&rig, &alice.token[..at]).await, invalid(), "cut at {at}");
        let mut flipped = alice.token.clone().into_bytes();
        flipped[at] ^= 1;
        let flipped = String::from_utf8(flipped).expect("one bit lower keeps it ASCII");
        assert_eq!(status(&rig, &flipped).await, invalid(), "flipped at {at}");
    }
    for other in [format!("{}0", alice.token), alice.token.to_uppercase(), rig.operator[1..].into()]
    {
        assert_eq!(status(&rig, &other).await, invalid(), "{other}");
    }
}

#[tokio::test]
async fn all_invalid_tokens_get_the_same_answer() {
    let rig = rig().await;
    let (alice, bob) = (rig.register("alice").await, rig.register("bob").await);
    let secret = &alice.token[alice.token.len() - 64..];
    let foreign = format!("{}{secret}", &bob.token[..bob.token.len() - 64]);
    let nobody = format!("roost_{}{}", "0".repeat(52), secret);
    let mut bodies = Vec::new();
    for authorization in [
        format!("Bearer {foreign}"),
        format!("Bearer {nobody}"),
        "Bearer x".to_owned(),
        "Bearer ".to_owned(),
        "Basic YWxpY2U6cGFzcw==".to_owned(),
        format!("Token {}", alice.token),
        format!("Bearer  {}", alice.token),
    ] {
        let answer =
            rig.send(ask("GET /v1/me").header(format!("Authorization: {authorization}"))).await;
        assert_eq!((answer.status, answer.code()), invalid(), "{authorization}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        let id = answer.header("x-request-id").expect("every answer has one");
        bodies.push(answer.text().replace(id, ""));
    }
    assert!(bodies.windows(2).all(|it| it[0] == it[1]), "{bodies:?}");
}

#[tokio::test]
async fn two_tokens_are_none() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let answer = rig.send(ask("GET /v1/me").token(&alice.token).token(&alice.token)).await;
    assert_eq!((answer.status, answer.code()), invalid());
}

#[tokio::test]
async fn an_ended_session_proves_nothing_at_once() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let session = alice.token["roost_".len() + 26..][..26].to_owned();
    let end = ask(&format!("DELETE /v1/me/sessions/{session}")).token(&alice.token);
    let answer = rig.send(end).await;
    assert_eq!((answer.status, answer.text()), (204, ""), "{answer:?}");
    assert_eq!(status(&rig, &alice.token).await, invalid());
}

#[tokio::test]
async fn nobody_ends_the_session_of_another() {
    let rig = rig().await;
    let (alice, bob) = (rig.register("alice").await, rig.register("bob").await);
    let session = &alice.token["roost_".len() + 26..][..26];
    let end = ask(&format!("DELETE /v1/me/sessions/{session}")).token(&bob.token);
    assert_eq!(rig.send(end).await.status, 404);
    assert_eq!(status(&rig, &alice.token).await.0, 200);
}

#[tokio::test]
async fn an_invalid_token_spoils_open_routes_too() {
    let rig = rig().await;
    let answer = rig.send(ask("GET /v1/test/echo/1").token("x")).await;
    assert_eq!((answer.status, answer.code()), invalid());
    assert_eq!(rig.send(ask("GET /v1/test/echo/1")).await.status, 200);
}

#[tokio::test]
async fn without_a_token_only_open_routes_are_served() {
    let rig = rig().await;
    let document = rig.send(ask("GET /openapi.json")).await.json();
    let paths = document["paths"].as_object().expect("there are paths").clone();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("there are methods") {
            let security = operation["security"].as_array().expect("it is declared").clone();
            let path = path.replace(['{', '}'], "");
            let answer = rig.send(ask(&format!("{} {path}", method.to_uppercase()))).await;
            let refused = match security.first().map(|it| it.as_object().expect("a scheme")) {
                None => continue,
                Some(scheme) if scheme.contains_key("operator") => (404, "not_found".to_owned()),
                Some(_) => (401, "unauthenticated".to_owned()),
            };
            assert_eq!((answer.status, answer.code()), refused, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn routes_of_operators_are_not_there_for_others() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let nothing = rig.send(ask("GET /v1/nothing")).await.field("detail");
    for path in ["/v1/operator/shards".to_owned(), format!("/v1/test/operators/{}", alice.id)] {
        let request = || ask(&format!("GET {path}"));
        let damaged = format!("{}0", rig.operator);
        for other in [request(), request().token(&alice.token), request().token(&damaged)] {
            let answer = rig.send(other).await;
            assert_eq!((answer.status, &*answer.code()), (404, "not_found"), "{path}");
            assert_eq!(answer.field("detail"), nothing, "{path}");
        }
        assert_eq!(rig.send(request().token(&rig.operator)).await.status, 200, "{path}");
    }
    let answer = rig.send(ask("GET /v1/me").token(&rig.operator)).await;
    assert_eq!((answer.status, &*answer.code()), (401, "unauthenticated"));
}
