//! Whatever comes in, something sensible goes out, and nothing changes.

use crate::rig::{Ask, ask, rig};

/// What is wrong, the request, and the status and code of its answer.
type Case = (&'static str, Ask, u16, &'static str);

/// A body that is larger than allowed.
fn large() -> Vec<u8> {
    format!("{{\"what\": \"{}\"}}", "x".repeat(70_000)).into_bytes()
}

/// A request that counts, unless something is wrong with it.
fn count() -> Ask {
    ask("POST /v1/test/count")
}

const GOOD: &str = "{\"what\": \"a\"}";

fn types() -> Vec<Case> {
    let typed = |name: &str| count().header(format!("Content-Type: {name}")).bytes(GOOD);
    let wrong = [
        ("no body", count()),
        ("no type", count().bytes(GOOD)),
        ("a form", typed("application/x-www-form-urlencoded")),
        ("JSON as text", typed("text/plain")),
        ("other characters", typed("application/json; charset=euc-kr")),
        ("two types", typed("text/plain").header("Content-Type: application/json")),
        ("compressed", count().header("Content-Encoding: gzip").json(GOOD)),
    ];
    wrong.map(|(name, request)| (name, request, 415, "unsupported_media_type")).to_vec()
}

fn bodies() -> Vec<Case> {
    let deep = format!("{{\"what\": {}{}}}", "[".repeat(40), "]".repeat(40));
    let very_deep = "[".repeat(60_000);
    let cases: [(_, &[u8], _, _); 14] = [
        ("half", b"{\"what\": ", 400, "malformed_json"),
        ("a form", b"what=a", 400, "malformed_json"),
        ("an array", b"[]", 400, "malformed_json"),
        ("no UTF-8", b"{\"what\": \"\xff\"}", 400, "malformed_json"),
        ("a field twice", b"{\"what\": \"a\", \"what\": \"b\"}", 400, "malformed_json"),
        ("deep", deep.as_bytes(), 400, "json_too_deep"),
        ("very deep", very_deep.as_bytes(), 400, "json_too_deep"),
        ("large", &large(), 413, "body_too_large"),
        ("unknown field", b"{\"what\": \"a\", \"role\": \"admin\"}", 422, "unknown_field"),
        ("a prototype", b"{\"what\": \"a\", \"__proto__\": {}}", 422, "unknown_field"),
        ("missing field", b"{}", 422, "invalid_input"),
        ("wrong type", b"{\"what\": 1}", 422, "invalid_input"),
        ("null", b"{\"what\": null}", 422, "invalid_input"),
        ("no boolean", b"{\"what\": \"a\", \"is_loud\": \"yes\"}", 422, "invalid_input"),
    ];
    cases.map(|(name, body, status, code)| (name, count().json(body), status, code)).to_vec()
}

fn heads() -> Vec<Case> {
    let empty = count().header("Content-Type: application/json");
    let with_query = ask("POST /v1/test/count?what=a").json(GOOD);
    let part = ask("PUT /v1/test/echo/1").json("{\"number\": 2}");
    let keyed = |key: &str| count().key(key).json(GOOD);
    vec![
        ("no JSON at all", empty, 400, "malformed_json"),
        ("a query string", with_query, 422, "unknown_field"),
        ("a path part in the body", part, 422, "unknown_field"),
        ("key with a space", keyed("a b"), 400, "idempotency_key_invalid"),
        ("empty key", keyed(""), 400, "idempotency_key_invalid"),
        ("long key", keyed(&"k".repeat(256)), 400, "idempotency_key_invalid"),
        ("two keys", keyed("a").key("b"), 400, "idempotency_key_invalid"),
    ]
}

fn queries() -> Vec<Case> {
    let echo = |query: &str| ask(&format!("GET /v1/test/echo/1?{query}"));
    vec![
        ("unknown parameter", echo("role=admin"), 422, "unknown_field"),
        ("a path part as parameter", echo("number=2"), 422, "unknown_field"),
        ("parameter twice", echo("text=a&text=a"), 400, "duplicate_parameter"),
        ("twice in disguise", echo("text=a&te%78t=b"), 400, "duplicate_parameter"),
        ("half an escape", echo("text=%4"), 400, "malformed_query"),
        ("no UTF-8", echo("text=%ff"), 400, "malformed_query"),
        ("no number", echo("offset=a"), 422, "invalid_input"),
        ("too large a number", echo("offset=18446744073709551616"), 422, "invalid_input"),
        ("negative", echo("offset=-1"), 422, "invalid_input"),
        ("no boolean", echo("is_loud=1"), 422, "invalid_input"),
        ("large page", ask("GET /v1/me/feed?limit=1000000000"), 422, "invalid_input"),
        ("a body", ask("GET /v1/test/echo/1").json("{}"), 400, "body_unexpected"),
        (
            "a body for DELETE",
            ask("DELETE /v1/me/posts/00000000000000000000000000").json("{}"),
            400,
            "body_unexpected",
        ),
    ]
}

fn paths() -> Vec<Case> {
    vec![
        ("no such path", ask("GET /v1/nothing"), 404, "not_found"),
        ("no number", ask("GET /v1/test/echo/one"), 404, "not_found"),
        ("no UTF-8", ask("GET /v1/test/echo/%ff"), 404, "not_found"),
        ("no id", ask("GET /v1/users/alice"), 404, "not_found"),
        ("a slash in disguise", ask("GET /v1/users/a%2Fb"), 404, "not_found"),
        ("a slash more", ask("GET //v1/operator/shards"), 404, "not_found"),
        ("dots in disguise", ask("GET /v1/me/%2e%2e/operator/shards"), 404, "not_found"),
        ("a slash behind", ask("GET /v1/me/"), 404, "not_found"),
        ("capital letters", ask("GET /V1/me"), 404, "not_found"),
        ("injection", ask("GET /v1/handles/'%20OR%201=1--"), 404, "not_found"),
        ("line ends", ask("GET /v1/handles/a%0d%0aSet-Cookie:%20b"), 404, "not_found"),
        ("other method", ask("PATCH /v1/test/count"), 405, "method_not_allowed"),
        (
            "method in a header",
            ask("GET /v1/test/break").header("X-HTTP-Method-Override: POST"),
            405,
            "method_not_allowed",
        ),
        ("trace", ask("TRACE /v1/me"), 405, "method_not_allowed"),
        (
            "a large header",
            ask("GET /livez").header(format!("Cookie: {}", "c".repeat(9_000))),
            431,
            "header_too_large",
        ),
    ]
}

#[tokio::test]
async fn bad_input_is_refused_and_changes_nothing() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    for (name, request, status, code) in [types(), bodies(), heads(), queries(), paths()].concat() {
        let answer = rig.send(request.token(&alice.token)).await;
        assert_eq!((answer.status, &*answer.code()), (status, code), "{name}: {answer:?}");
        assert_eq!(rig.count(&alice).await, 0, "{name}");
    }
}

#[tokio::test]
async fn bad_registrations_are_refused_and_register_nobody() {
    let rig = rig().await;
    let cases = [
        ("{\"handle\": \"bob\", \"password\": \"short\"}", "password_size"),
        (
            "{\"handle\": \"bob\", \"password\": \"long enough\", \"verified\": true}",
            "unknown_field",
        ),
        ("{\"handle\": \"b b\", \"password\": \"long enough\"}", "invalid_input"),
        ("{\"handle\": \"<script>\", \"password\": \"long enough\"}", "invalid_input"),
        ("{\"handle\": \"bob\"}", "invalid_input"),
    ];
    for (body, code) in cases {
        let answer = rig.send(ask("POST /v1/accounts").json(body)).await;
        assert_eq!((answer.status, &*answer.code()), (422, code), "{body}");
    }
    let alice = rig.register("alice").await;
    let answer = rig.send(ask("GET /v1/handles/bob").token(&alice.token)).await;
    assert_eq!(answer.status, 404, "{answer:?}");
}

#[tokio::test]
async fn answers_name_what_is_allowed() {
    let rig = rig().await;
    let answer = rig.send(ask("GET /v1/test/echo/1?loud=1")).await;
    let detail = answer.field("detail");
    assert!(detail.contains("\"loud\""), "{detail}");
    assert!(detail.contains("is_loud, offset, text"), "{detail}");
    let answer = rig.send(ask("DELETE /v1/test/count")).await;
    assert_eq!(answer.header("allow"), Some("POST,GET,HEAD"), "{answer:?}");
}

#[tokio::test]
async fn good_input_keeps_its_types() {
    let rig = rig().await;
    let answer = rig.send(ask("GET /v1/test/echo/7?is_loud=true&text=1&offset=3")).await;
    let expected = serde_json::json!({ "number": 7, "is_loud": true, "text": "1", "offset": 3 });
    assert_eq!((answer.status, answer.json()), (200, expected));
    let answer = rig.send(ask("PUT /v1/test/echo/7")).await;
    assert_eq!((answer.status, &answer.json()["number"]), (200, &7.into()), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("x-request-id").is_some_and(|it| it.len() == 26));
}
