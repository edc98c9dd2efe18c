//! Channels over a WebSocket.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{Rig, User, ask, rig};
use crate::socket::Socket;

/// A user who follows another, and a connection of hers that follows her feed.
struct Reader {
    user: User,
    channel: String,
    socket: Socket,
}

async fn publish(rig: &Rig, author: &User, body: &str) -> String {
    let post = json!({ "body": body }).to_string();
    let answer = rig.send(ask("POST /v1/me/feed").token(&author.token).json(post)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.field("post")
}

async fn follow(rig: &Rig, reader: &User, author: &User) {
    let path = format!("PUT /v1/me/following/{}", author.id);
    let answer = rig.send(ask(&path).token(&reader.token).json("{}")).await;
    assert!(answer.status < 300, "{answer:?}");
}

impl Reader {
    async fn new(rig: &Rig, handle: &str) -> Self {
        let user = rig.register(handle).await;
        let channel = format!("feed:{}", user.id);
        let socket = Socket::connected(rig, &user.token).await;
        Self { user, channel, socket }
    }

    /// Follows the feed, from a position on if one is given.
    async fn subscribe(&mut self, since: Option<(u64, &str)>) -> Value {
        let mut subscribe = json!({ "channel": self.channel });
        if let Some((offset, epoch)) = since {
            subscribe["recover"] = json!(true);
            subscribe["offset"] = json!(offset);
            subscribe["epoch"] = json!(epoch);
        }
        self.socket.say(&json!({ "id": 9, "subscribe": subscribe })).await;
        let reply = self.socket.hear().await;
        assert_eq!(reply["id"], 9, "{reply}");
        reply["subscribe"].clone()
    }

    /// The next thing that is pushed: its offset and what it shows.
    async fn pushed(&mut self) -> (u64, Value) {
        let push = self.socket.hear().await;
        assert_eq!(push["push"]["channel"], self.channel.as_str(), "{push}");
        let publication = &push["push"]["pub"];
        (publication["offset"].as_u64().expect("a number"), publication["data"].clone())
    }

    async fn refused(&mut self, command: Value) -> u64 {
        let mut said = command;
        said["id"] = json!(7);
        self.socket.say(&said).await;
        let reply = self.socket.hear().await;
        reply["error"]["code"].as_u64().unwrap_or_else(|| panic!("{reply}"))
    }
}

#[tokio::test]
async fn a_feed_comes_live() {
    let rig = rig().await;
    let (alice, mut bob) = (rig.register("alice").await, Reader::new(&rig, "bob").await);
    follow(&rig, &bob.user, &alice).await;
    let begun = bob.subscribe(None).await;
    assert_eq!((&begun["offset"], &begun["recovered"]), (&json!(0), &json!(false)), "{begun}");
    let post = publish(&rig, &alice, "one").await;
    let (offset, shown) = bob.pushed().await;
    assert_eq!((offset, &shown["post"]["body"]), (1, &json!("one")), "{shown}");
    assert_eq!((&shown["post"]["handle"], &shown["post"]["post"]), (&json!("alice"), &json!(post)));
    let delete = ask(&format!("DELETE /v1/me/posts/{post}")).token(&alice.token);
    assert!(rig.send(delete).await.status < 300);
    let (offset, shown) = bob.pushed().await;
    let withdrawn = json!({ "withdrawn": { "post": post, "author": alice.id } });
    assert_eq!((offset, shown), (2, withdrawn));
}

#[tokio::test]
async fn what_was_missed_is_there_on_return() {
    let rig = rig().await;
    let (alice, mut bob) = (rig.register("alice").await, Reader::new(&rig, "bob").await);
    follow(&rig, &bob.user, &alice).await;
    let epoch = bob.subscribe(None).await["epoch"].as_str().expect("a text").to_owned();
    publish(&rig, &alice, "one").await;
    assert_eq!(bob.pushed().await.0, 1);
    bob.socket = Socket::connected(&rig, &bob.user.token).await;
    for body in ["two", "three"] {
        publish(&rig, &alice, body).await;
    }
    // They reach the feed a moment after they are acknowledged.
    let mut missed = Vec::new();
    for _ in 0..100 {
        let begun = bob.subscribe(Some((1, &epoch))).await;
        assert_eq!(begun["recovered"], true, "{begun}");
        missed = begun["publications"].as_array().expect("a list").clone();
        if missed.len() == 2 {
            assert_eq!(begun["offset"], 3, "{begun}");
            break;
        }
        bob.socket.say(&json!({ "id": 8, "unsubscribe": { "channel": bob.channel } })).await;
        while bob.socket.hear().await["id"] != 8 {}
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let shown: Vec<_> =
        missed.iter().map(|it| (&it["offset"], &it["data"]["post"]["body"])).collect();
    assert_eq!(shown, [(&json!(2), &json!("two")), (&json!(3), &json!("three"))]);
    publish(&rig, &alice, "four").await;
    assert_eq!(bob.pushed().await.0, 4);
    for (offset, epoch) in [(9, &*epoch), (1, "0")] {
        let mut other = Reader { socket: Socket::connected(&rig, &bob.user.token).await, ..bob };
        let begun = other.subscribe(Some((offset, epoch))).await;
        assert_eq!(begun["recovered"], false, "{begun}");
        assert_eq!((&begun["was_recovering"], &begun["offset"]), (&json!(true), &json!(4)));
        bob = other;
    }
}

#[tokio::test]
async fn the_past_can_be_read() {
    let rig = rig().await;
    let (alice, mut bob) = (rig.register("alice").await, Reader::new(&rig, "bob").await);
    follow(&rig, &bob.user, &alice).await;
    let epoch = bob.subscribe(None).await["epoch"].clone();
    for body in ["one", "two", "three"] {
        publish(&rig, &alice, body).await;
        bob.pushed().await;
    }
    let cases = [
        (json!({}), vec![]),
        (json!({ "limit": 2 }), vec![1, 2]),
        (json!({ "limit": 2, "reverse": true }), vec![3, 2]),
        (json!({ "limit": -1 }), vec![1, 2, 3]),
        (json!({ "limit": -1, "reverse": true }), vec![3, 2, 1]),
        (json!({ "limit": -1, "since": { "offset": 1, "epoch": epoch } }), vec![2, 3]),
        (json!({ "limit": 9, "since": { "offset": 1, "epoch": epoch } }), vec![2, 3]),
        (
            json!({ "limit": 9, "since": { "offset": 3, "epoch": epoch }, "reverse": true }),
            vec![2, 1],
        ),
        (json!({ "limit": 9, "since": { "offset": 7, "epoch": epoch } }), vec![]),
    ];
    for (mut wanted, expected) in cases {
        wanted["channel"] = json!(bob.channel);
        bob.socket.say(&json!({ "id": 5, "history": wanted })).await;
        let history = bob.socket.hear().await["history"].clone();
        let found = history["publications"].as_array().expect("a list").iter();
        let found: Vec<_> = found.filter_map(|it| it["offset"].as_u64()).collect();
        assert_eq!((found, &history["offset"]), (expected, &json!(3)), "{wanted}");
    }
    let elsewhere = json!({ "channel": bob.channel, "since": { "offset": 1, "epoch": "0" } });
    assert_eq!(bob.refused(json!({ "history": elsewhere })).await, 112);
}

#[tokio::test]
async fn channels_of_others_and_of_nobody_are_refused() {
    let rig = rig().await;
    let (alice, mut bob) = (rig.register("alice").await, Reader::new(&rig, "bob").await);
    let theirs = format!("feed:{}", alice.id);
    let cases = [
        (theirs.as_str(), 103),
        ("feed:", 102),
        ("feed", 102),
        ("nothing:1", 102),
        ("", 102),
        (&"x".repeat(300), 102),
    ];
    for (channel, code) in cases {
        let said = json!({ "subscribe": { "channel": channel } });
        assert_eq!(bob.refused(said).await, code, "{channel}");
        let said = json!({ "history": { "channel": channel } });
        assert_eq!(bob.refused(said).await, code, "{channel}");
    }
    bob.subscribe(None).await;
    let again = json!({ "subscribe": { "channel": bob.channel } });
    assert_eq!(bob.refused(again).await, 105);
    assert_eq!(bob.refused(json!({ "publish": { "channel": bob.channel } })).await, 108);
    let mut nobody = Socket::connected(&rig, "").await;
    nobody.say(&json!({ "id": 3, "subscribe": { "channel": bob.channel } })).await;
    assert_eq!(nobody.hear().await["error"]["code"], 103);
}

#[tokio::test]
async fn an_authors_posts_come_live_to_whoever_wants_them() {
    let rig = rig().await;
    let (alice, mut bob) = (rig.register("alice").await, Reader::new(&rig, "bob").await);
    bob.channel = format!("posts:{}", alice.id);
    bob.subscribe(None).await;
    let post = publish(&rig, &alice, "to all").await;
    let (offset, shown) = bob.pushed().await;
    assert_eq!((offset, &shown["post"]["body"]), (1, &json!("to all")), "{shown}");
    let counts = ask(&format!("GET /v1/users/{}/counts", alice.id)).token(&bob.user.token);
    assert_eq!(rig.send(counts).await.text(), r#"{"followers":0,"posts":1}"#);
    let delete = ask(&format!("DELETE /v1/me/posts/{post}")).token(&alice.token);
    assert!(rig.send(delete).await.status < 300);
    assert_eq!(bob.pushed().await, (2, json!({ "withdrawn": { "post": post } })));
    let mut nobody = Socket::connected(&rig, "").await;
    nobody.say(&json!({ "id": 3, "subscribe": { "channel": bob.channel } })).await;
    assert_eq!(nobody.hear().await["error"]["code"], 103, "accounts only");
}

#[tokio::test]
async fn follows_come_live_on_every_device() {
    let rig = rig().await;
    let (alice, mut bob) = (rig.register("alice").await, Reader::new(&rig, "bob").await);
    bob.channel = format!("follows:{}", bob.user.id);
    bob.subscribe(None).await;
    follow(&rig, &bob.user, &alice).await;
    assert_eq!(bob.pushed().await, (1, json!({ "followed": { "user": alice.id } })));
    let path = format!("DELETE /v1/me/following/{}", alice.id);
    assert!(rig.send(ask(&path).token(&bob.user.token)).await.status < 300);
    assert_eq!(bob.pushed().await, (2, json!({ "unfollowed": { "user": alice.id } })));
}

#[tokio::test]
async fn whoever_loses_their_token_is_cut_off_without_a_word_from_them() {
    let rig = rig().await;
    let mut bob = Reader::new(&rig, "bob").await;
    bob.subscribe(None).await;
    let session = bob.user.token["roost_".len() + 26..][..26].to_owned();
    let out = ask(&format!("DELETE /v1/me/sessions/{session}")).token(&bob.user.token);
    assert!(rig.send(out).await.status < 300);
    let cut = timeout(Duration::from_secs(2), bob.socket.ended()).await;
    assert_eq!(cut.expect("within two seconds"), Some(3500));
}

#[tokio::test]
async fn a_token_can_be_changed_for_one_of_the_same_account() {
    let rig = rig().await;
    let (alice, mut bob) = (rig.register("alice").await, Reader::new(&rig, "bob").await);
    bob.socket.say(&json!({ "id": 4, "refresh": { "token": bob.user.token } })).await;
    assert_eq!(bob.socket.hear().await["refresh"]["expires"], false);
    bob.socket.say(&json!({ "id": 5, "refresh": { "token": alice.token } })).await;
    assert_eq!(bob.socket.ended().await, Some(3500));
}

#[tokio::test]
async fn a_connection_follows_so_many_channels_and_no_more() {
    const CHANNELS: u64 = 128;
    let rig = rig().await;
    let mut bob = Reader::new(&rig, "bob").await;
    let nobody = |number: u64| json!({ "channel": format!("posts:{number:026}") });
    let subscribe = |id: u64| json!({ "id": id, "subscribe": nobody(id) }).to_string();
    let lines: Vec<_> = (1..=CHANNELS).map(subscribe).collect();
    bob.socket.send(Message::text(lines.join("\n"))).await;
    for _ in 0..CHANNELS {
        let begun = bob.socket.hear().await;
        assert_eq!(begun["subscribe"]["offset"], 0, "{begun}");
    }
    let another = json!({ "subscribe": nobody(CHANNELS + 1) });
    assert_eq!(bob.refused(another.clone()).await, 106);
    bob.socket.say(&json!({ "id": 8, "unsubscribe": nobody(1) })).await;
    assert_eq!(bob.socket.hear().await["id"], 8);
    let begun = bob.subscribe(None).await;
    assert_eq!(begun["offset"], 0, "there is room for one: {begun}");
    assert_eq!(bob.refused(another).await, 106);
}

#[tokio::test]
async fn whoever_does_not_read_is_cut_off_and_comes_back_and_others_are_not_held_up() {
    const POSTS: u64 = 300;
    let rig = rig().await;
    let (alice, mut bob) = (rig.register("alice").await, Reader::new(&rig, "bob").await);
    follow(&rig, &bob.user, &alice).await;
    bob.subscribe(None).await;
    let mut lazy = Reader {
        user: bob.user.clone(),
        channel: bob.channel.clone(),
        socket: Socket::narrow(&rig, &bob.user.token).await,
    };
    let epoch = lazy.subscribe(None).await["epoch"].as_str().expect("a text").to_owned();
    // Six bytes each in JSON: far above what the system keeps for a connection, and what waits for one.
    let body = "\u{1}".repeat(4_000);
    for post in 1..=POSTS {
        publish(&rig, &alice, &body).await;
        assert_eq!(bob.pushed().await.0, post);
    }
    let (said, end) = lazy.socket.rest().await;
    assert_eq!(end, Some(3008));
    let offset = |it: &Value| it["offset"].as_u64().expect("a number");
    let mut seen: Vec<_> = said.iter().map(|it| offset(&it["push"]["pub"])).collect();
    let last = seen.last().copied().unwrap_or(0);
    assert!(last < POSTS, "it is cut off before the last");
    lazy.socket = Socket::connected(&rig, &bob.user.token).await;
    let begun = lazy.subscribe(Some((last, &epoch))).await;
    assert_eq!((&begun["recovered"], &begun["offset"]), (&json!(true), &json!(POSTS)));
    seen.extend(begun["publications"].as_array().expect("a list").iter().map(offset));
    publish(&rig, &alice, "later").await;
    seen.push(lazy.pushed().await.0);
    assert!(seen.iter().copied().eq(1..=POSTS + 1), "each once: {seen:?}");
}

#[tokio::test]
async fn two_thousand_come_back_at_once() {
    const CLIENTS: usize = 2_000;
    let rig = rig().await;
    let (alice, mut bob) = (rig.register("alice").await, Reader::new(&rig, "bob").await);
    follow(&rig, &bob.user, &alice).await;
    let epoch = bob.subscribe(None).await["epoch"].as_str().expect("a text").to_owned();
    publish(&rig, &alice, "while they were away").await;
    bob.pushed().await;
    let return_of_one = || async {
        let mut socket = Socket::connected(&rig, &bob.user.token).await;
        let since = json!({ "channel": bob.channel, "recover": true, "offset": 0, "epoch": epoch });
        socket.say(&json!({ "id": 2, "subscribe": since })).await;
        let begun = socket.hear().await["subscribe"].clone();
        assert_eq!(begun["recovered"], true, "{begun}");
        assert_eq!(begun["publications"].as_array().map(Vec::len), Some(1), "{begun}");
        socket
    };
    let coming = (0..CLIENTS).map(|_| return_of_one());
    let sockets = timeout(Duration::from_mins(1), join_all(coming)).await.expect("in time");
    publish(&rig, &alice, "for all of them").await;
    let heard = sockets.into_iter().map(|mut socket| async move {
        let push = socket.hear().await;
        push["push"]["pub"]["offset"] == 2
    });
    assert!(join_all(heard).await.into_iter().all(|it| it));
}
