//! A repeat under the same key is harmless, and gets the first answer.

use crate::rig::{Ask, User, ask, rig};

fn count(user: &User, key: &str) -> Ask {
    ask("POST /v1/test/count").token(&user.token).key(key).json("{\"what\": \"sheep\"}")
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    for _ in 0..3 {
        let answer = rig.send(count(&alice, "one")).await;
        assert_eq!((answer.status, answer.json()), (200, 1.into()), "{answer:?}");
    }
    assert_eq!(rig.send(count(&alice, "two")).await.json(), 2);
    assert_eq!(rig.count(&alice).await, 2);
}

#[tokio::test]
async fn every_command_of_an_operation_has_its_own_name() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let twice = || ask("POST /v1/test/count-twice").token(&alice.token).json("{\"what\": \"a\"}");
    for _ in 0..2 {
        let answer = rig.send(twice().key("one")).await;
        assert_eq!(answer.json(), serde_json::json!([1, 2]), "{answer:?}");
    }
    assert_eq!(rig.count(&alice).await, 2);
}

#[tokio::test]
async fn a_repeat_gets_the_same_id_and_secrets() {
    let rig = rig().await;
    let secrets = || ask("POST /v1/test/secrets").json("{}");
    let first = rig.send(secrets().key("one")).await.json();
    assert_eq!(rig.send(secrets().key("one")).await.json(), first);
    assert_ne!(first[1], first[2], "two secrets of one request differ");
    for other in [secrets().key("two"), secrets(), secrets()] {
        let other = rig.send(other).await.json();
        for part in 0..3 {
            assert_ne!(other[part], first[part], "part {part}");
        }
    }
}

#[tokio::test]
async fn a_repeated_registration_yields_a_token_that_works() {
    let rig = rig().await;
    let body = "{\"handle\": \"alice\", \"password\": \"correct horse\"}";
    let register = || ask("POST /v1/accounts").key("one").json(body);
    let first = rig.send(register()).await;
    let second = rig.send(register()).await;
    assert_eq!((second.status, second.json()), (201, first.json()));
    let answer = rig.send(ask("GET /v1/me").token(&second.field("token"))).await;
    assert_eq!(answer.field("handle"), "alice");
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    assert_eq!(rig.send(count(&alice, "one")).await.status, 200);
    let others = [
        ask("POST /v1/test/count").json("{\"what\": \"goat\"}"),
        ask("POST /v1/test/count").json("{\"what\":\"sheep\"}"),
        ask("POST /v1/test/count-twice").json("{\"what\": \"sheep\"}"),
        ask("DELETE /v1/me/posts/00000000000000000000000001"),
    ];
    for other in others {
        let answer = rig.send(other.token(&alice.token).key("one")).await;
        let found = (answer.status, &*answer.code());
        assert_eq!(found, (422, "idempotency_key_reused"), "{answer:?}");
    }
    assert_eq!(rig.count(&alice).await, 1);
}

#[tokio::test]
async fn a_key_is_remembered_wherever_the_request_goes() {
    let rig = rig().await;
    for (handle, expected) in [("alice", 201), ("bob", 422), ("carol", 422), ("alice", 201)] {
        let body = format!("{{\"handle\": \"{handle}\", \"password\": \"correct horse\"}}");
        let answer = rig.send(ask("POST /v1/accounts").key("one").json(body)).await;
        assert_eq!(answer.status, expected, "{handle}: {answer:?}");
    }
}

#[tokio::test]
async fn keys_belong_to_their_account() {
    let rig = rig().await;
    let (alice, bob) = (rig.register("alice").await, rig.register("bob").await);
    assert_eq!(rig.send(count(&alice, "one")).await.json(), 1);
    assert_eq!(rig.send(count(&bob, "one")).await.json(), 1);
    assert_eq!((rig.count(&alice).await, rig.count(&bob).await), (1, 1));
}

#[tokio::test]
async fn twins_at_the_same_time_have_one_effect() {
    let rig = rig().await;
    let alice = rig.register("alice").await;
    let mut twins = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (request, address) = (count(&alice, "one"), rig.address);
        twins.spawn(async move { request.send(address).await });
    }
    for answer in twins.join_all().await {
        assert_eq!((answer.status, answer.json()), (200, 1.into()), "{answer:?}");
    }
    assert_eq!(rig.count(&alice).await, 1);
}

#[tokio::test]
async fn reading_needs_no_key() {
    let rig = rig().await;
    let answer = rig.send(ask("GET /v1/test/echo/1").key("a b")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
