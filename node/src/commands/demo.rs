//! A few people for trying roost out: who follow each other, and have written something.

use axum::http::Method;
use entity::digest::sha256;
use serde_json::{Value, json};

use crate::api::{Api, ApiError, Call};
use crate::hex::hex;

/// The password of all of them.
pub(super) const PASSWORD: &str = "correct horse";

/// Their handles, and what they have written.
pub(super) const PEOPLE: [(&str, &[&str]); 4] = [
    (
        "ann",
        &["Hello from a cluster of three.", "Kill a node: this page goes on with what it missed."],
    ),
    ("ben", &["Following ann, cho and dev.", "Everything here is on three disks."]),
    ("cho", &["안녕하세요!"]),
    ("dev", &["curl works too: see the README."]),
];

/// Makes them, unless they are there already.
///
/// # Errors
///
/// When the cluster does not answer, or refuses something.
pub(super) async fn fill(address: &str) -> Result<(), ApiError> {
    let api = Api::new(address)?;
    let mut people = Vec::new();
    for (handle, posts) in PEOPLE {
        let body = json!({ "handle": handle, "password": PASSWORD });
        match api.send(&call(Method::POST, "/v1/accounts", "", body)).await {
            Ok(account) => people.push((account, posts)),
            // They are from an earlier day.
            Err(ApiError::Refused { status: 409, .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    for (one, _) in &people {
        for (other, _) in people.iter().filter(|(it, _)| it["user"] != one["user"]) {
            let path = format!("/v1/me/following/{}", text(other, "user"));
            api.send(&call(Method::PUT, &path, text(one, "token"), json!({}))).await?;
        }
    }
    for (one, posts) in &people {
        for post in *posts {
            let body = json!({ "body": post });
            api.send(&call(Method::POST, "/v1/me/feed", text(one, "token"), body)).await?;
        }
    }
    Ok(())
}

fn text<'a>(account: &'a Value, field: &str) -> &'a str {
    account[field].as_str().unwrap_or_default()
}

/// A request under a key that says what it is: it may be repeated.
fn call(method: Method, path: &str, token: &str, body: Value) -> Call {
    let digest = sha256(body.to_string().as_bytes());
    let key = format!("demo-{path}-{}", hex(&digest[..8]));
    let token = Some(token.to_owned()).filter(|it| !it.is_empty());
    Call { method, path: path.to_owned(), token, key, body: Some(body) }
}
