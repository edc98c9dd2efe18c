//! Follows, posts and feeds together: who gets to see what.

use std::collections::BTreeSet;
use std::ops::Range;

use actors::accounts::api::{Open, PasswordHash, UserId};
use actors::feeds::api::{
    Backlog, FanOutId, FeedId, Page, PulledAuthors, Spread, SpreadError, TASKS_MAX,
};
use actors::follows::api::{Counts, FOLLOWING_MAX, Follow, FollowError, FollowerId, Unfollow};
use actors::page::PageLimit;
use actors::posts::api::{
    AddFollower, AuthorId, Delete, FOLLOWERS_PAGE_MAX, PostId, Publish, PublishError,
    PullAboveFollowers, Pulled, RemoveFollower,
};
use entity::{Caller, Id};
use serde_json::{Value, json};

use crate::world::{Answered, World};

const SEEDS: u64 = 100;

/// Followers who exist only so that there are many.
const CROWD: Range<u128> = 10_000..10_257;

fn user(number: u128) -> UserId {
    UserId(Id(number))
}

fn world(seed: u64, users: Range<u128>) -> World {
    let mut world = World::new(seed);
    world.set::<PullAboveFollowers>(256);
    for number in users {
        let handle = format!("user_{number}").parse().expect("a handle");
        let open = Open { handle, password_hash: PasswordHash(String::new()) };
        world.call(&user(number), &open).expect("nobody's yet");
    }
    world.settle();
    world
}

fn follow(world: &mut World, follower: u128, author: u128) {
    let follow = Follow { user: user(author) };
    world.call(&FollowerId(user(follower)), &follow).expect("somebody else, not too many");
}

fn unfollow(world: &mut World, follower: u128, author: u128) {
    let unfollow = Unfollow { user: user(author) };
    world.call(&FollowerId(user(follower)), &unfollow).expect("it never refuses");
}

fn add_followers(world: &mut World, author: u128, followers: Range<u128>) {
    for follower in followers {
        let add = AddFollower { follower: user(follower) };
        world.call(&AuthorId(user(author)), &add).expect("it never refuses");
    }
}

fn publish(world: &mut World, author: u128) -> PostId {
    let publish = Publish { body: format!("by {author}") };
    world.call(&AuthorId(user(author)), &publish).expect("a body").post
}

fn delete(world: &mut World, author: u128, post: PostId) {
    world.call(&AuthorId(user(author)), &Delete { post }).expect("it is there");
}

fn home(world: &mut World, reader: u128, fields: &Value) -> Answered {
    let caller = Caller::Account(user(reader).0);
    world.request(&caller, "GET /v1/me/feed", &fields.to_string())
}

fn posts(page: &Value) -> Vec<PostId> {
    let items = page["items"].as_array().expect("a list").iter();
    items.map(|it| PostId(it["post"].as_str().expect("a text").parse().expect("an id"))).collect()
}

/// Reads a feed to its end, doing something between any two pages.
fn read_all(
    world: &mut World,
    reader: u128,
    limit: usize,
    mut between: impl FnMut(&mut World),
) -> Vec<PostId> {
    let mut found = Vec::new();
    let mut fields = json!({ "limit": limit });
    loop {
        let page = home(world, reader, &fields).expect("a page");
        let posts = posts(&page);
        assert!(posts.len() <= limit);
        found.extend(posts);
        if page["next"].is_null() {
            return found;
        }
        fields["cursor"] = page["next"].clone();
        between(world);
    }
}

/// Deliveries of a post to a feed.
fn count(world: &World, reader: u128, post: PostId) -> usize {
    let page = Page { before: None, limit: PageLimit::MAX };
    let page = world.ask(&FeedId(user(reader)), &page).expect("it never refuses");
    page.items.iter().filter(|it| it.post == post).count()
}

#[test]
fn a_feed_shows_every_post_once_whether_pushed_or_pulled() {
    // The reader is 1. The authors 2 and 3 are pushed, 4 and 5 pulled, 6 becomes so in the middle.
    for seed in 0..SEEDS {
        let mut world = world(seed, 1..7);
        for author in 2..7 {
            follow(&mut world, 1, author);
        }
        add_followers(&mut world, 4, CROWD);
        add_followers(&mut world, 5, CROWD);
        world.settle();
        let mut expected = BTreeSet::new();
        for step in 0..60 {
            if step == 30 {
                add_followers(&mut world, 6, CROWD);
            }
            let author = 1 + world.below(6) as u128;
            let post = publish(&mut world, author);
            if world.below(4) == 0 {
                delete(&mut world, author, post);
            } else {
                expected.insert(post);
            }
            for _ in 0..world.below(3) {
                world.deliver();
            }
        }
        world.settle();
        let limit = 1 + world.below(20);
        let found = read_all(&mut world, 1, limit, |_| {});
        assert_eq!(found.len(), expected.len(), "seed {seed}, limit {limit}");
        assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), expected, "seed {seed}");
    }
}

#[test]
fn what_is_new_between_two_pages_moves_nothing() {
    for seed in 0..SEEDS {
        let mut world = world(seed, 1..4);
        follow(&mut world, 1, 2);
        follow(&mut world, 1, 3);
        add_followers(&mut world, 3, CROWD);
        world.settle();
        let mut expected: Vec<_> = (0..20).map(|step| publish(&mut world, 2 + step % 2)).collect();
        world.settle();
        let mut found = read_all(&mut world, 1, 3, |world| {
            publish(world, 2);
            publish(world, 3);
            world.settle();
        });
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "seed {seed}");
    }
}

#[test]
fn a_page_is_filled_up_with_what_is_not_deleted() {
    let mut world = world(0, 1..3);
    follow(&mut world, 1, 2);
    world.settle();
    let kept = [publish(&mut world, 2), publish(&mut world, 2)];
    for _ in 0..9 {
        let post = publish(&mut world, 2);
        delete(&mut world, 2, post);
    }
    world.settle();
    let page = home(&mut world, 1, &json!({ "limit": 1 })).expect("a page");
    assert_eq!(posts(&page), [kept[1]]);
    let fields = json!({ "limit": 1, "cursor": page["next"] });
    let page = home(&mut world, 1, &fields).expect("a page");
    assert_eq!((posts(&page), page["next"].is_null()), (vec![kept[0]], true));
}

#[test]
fn a_page_of_deleted_posts_ends_but_goes_on() {
    let mut world = world(0, 1..2);
    let kept = publish(&mut world, 1);
    for _ in 0..30 {
        let post = publish(&mut world, 1);
        delete(&mut world, 1, post);
    }
    world.settle();
    let first = home(&mut world, 1, &json!({ "limit": 1 })).expect("a page");
    assert!(posts(&first).is_empty() && !first["next"].is_null(), "{first}");
    assert_eq!(read_all(&mut world, 1, 1, |_| {}), [kept]);
}

#[test]
fn a_deleted_post_is_not_pulled_any_more() {
    let mut world = world(0, 1..2);
    add_followers(&mut world, 1, CROWD);
    let kept = publish(&mut world, 1);
    let post = publish(&mut world, 1);
    delete(&mut world, 1, post);
    let pulled = Pulled { before: None, limit: PageLimit::MAX };
    let pulled = world.ask(&AuthorId(user(1)), &pulled).expect("it never refuses");
    assert_eq!(pulled.posts, [kept]);
}

#[test]
fn only_the_followed_are_shown() {
    let mut world = world(0, 1..4);
    add_followers(&mut world, 3, CROWD);
    for author in [2, 3] {
        follow(&mut world, 1, author);
    }
    world.settle();
    let [pushed, pulled, own] = [2, 3, 1].map(|author| {
        let post = publish(&mut world, author);
        world.settle();
        post
    });
    assert_eq!(read_all(&mut world, 1, 10, |_| {}), [own, pulled, pushed]);
    for author in [2, 3] {
        unfollow(&mut world, 1, author);
    }
    world.settle();
    assert_eq!(read_all(&mut world, 1, 10, |_| {}), [own]);
    follow(&mut world, 1, 3);
    world.settle();
    assert_eq!(read_all(&mut world, 1, 10, |_| {}), [own, pulled]);
}

#[test]
fn whoever_follows_a_pulled_author_is_told_in_whatever_order() {
    for seed in 0..SEEDS {
        let mut world = world(seed, 1..3);
        add_followers(&mut world, 2, CROWD);
        let mut follows = false;
        for _ in 0..20 {
            match world.below(4) {
                0 => {
                    follow(&mut world, 1, 2);
                    follows = true;
                }
                1 => {
                    unfollow(&mut world, 1, 2);
                    follows = false;
                }
                2 => {
                    publish(&mut world, 2);
                }
                _ => {
                    for _ in 0..world.below(6) {
                        world.deliver();
                    }
                }
            }
        }
        publish(&mut world, 2);
        world.settle();
        let authors = world.ask(&FeedId(user(1)), &PulledAuthors {}).expect("it never refuses");
        assert_eq!(authors.authors == [user(2)], follows, "seed {seed}");
        assert_eq!(world.dead_letters, 0, "seed {seed}");
    }
}

#[test]
fn a_fan_out_tells_each_constant_follower_once_while_others_come_and_go() {
    for seed in 0..10 {
        let mut world = world(seed, 1..2);
        world.set::<PullAboveFollowers>(1_000_000);
        let constant = 20_000..21_100_u128;
        add_followers(&mut world, 1, constant.clone());
        let early = [publish(&mut world, 1), publish(&mut world, 1)];
        let mut coming = 0;
        while world.deliver() {
            if world.below(20) == 0 && coming < 100 {
                coming += 1;
                add_followers(&mut world, 1, 19_000 + coming..19_001 + coming);
                add_followers(&mut world, 1, 30_000 + coming..30_001 + coming);
                let remove = RemoveFollower { follower: user(19_000 + coming / 2) };
                world.call(&AuthorId(user(1)), &remove).expect("it never refuses");
            }
        }
        for follower in constant {
            follow(&mut world, follower, 1);
            world.settle();
            assert_eq!(early.map(|it| count(&world, follower, it)), [1, 1], "seed {seed}");
        }
        let backlog = world.ask(&FanOutId(user(1)), &Backlog {}).expect("it never refuses");
        assert_eq!((backlog.tasks, world.dead_letters), (0, 0));
        assert!(world.messages_max <= FOLLOWERS_PAGE_MAX + 1, "{}", world.messages_max);
    }
}

#[test]
fn following_needs_somebody_to_follow() {
    let mut world = world(0, 1..3);
    let cases = [
        (user(2), Ok(Value::Null)),
        (user(2), Ok(Value::Null)),
        (user(1), Err((422, "follow_self"))),
        (user(9), Err((404, "user_unknown"))),
    ];
    for (whom, expected) in cases {
        let line = format!("PUT /v1/me/following/{whom}");
        let found = world.request(&Caller::Account(Id(1)), &line, "{}");
        assert_eq!(found, expected, "{whom}");
    }
    let counts = world.ask(&FollowerId(user(1)), &Counts {}).expect("it never refuses");
    assert_eq!(counts.following, 1);
}

#[test]
fn nobody_follows_more_than_the_limit() {
    let mut world = world(0, 1..1);
    let follower = FollowerId(user(1));
    for author in (2..).take(FOLLOWING_MAX as usize) {
        follow(&mut world, 1, author);
    }
    let one_more = Follow { user: user(99_999) };
    assert_eq!(world.call(&follower, &one_more), Err(FollowError::Full));
    assert_eq!(world.call(&follower, &Follow { user: user(2) }), Ok(()), "a repeat");
    unfollow(&mut world, 1, 2);
    assert_eq!(world.call(&follower, &one_more), Ok(()));
}

#[test]
fn a_fan_out_takes_no_more_than_the_limit() {
    let mut world = world(0, 1..1);
    let (fan_out, spread) = (FanOutId(user(1)), Spread { post: PostId(Id(7)) });
    for _ in 0..TASKS_MAX {
        world.call(&fan_out, &spread).expect("there is room");
    }
    assert_eq!(world.call(&fan_out, &spread), Err(SpreadError::Full));
    world.settle();
    assert_eq!(world.call(&fan_out, &spread), Ok(()));
}

#[test]
fn strange_cursors_and_limits_are_refused() {
    let mut world = world(0, 1..2);
    let cases = [
        (json!({ "cursor": "" }), "cursor_invalid"),
        (json!({ "cursor": "1-x" }), "cursor_invalid"),
        (json!({ "limit": 0 }), "invalid_input"),
        (json!({ "limit": 101 }), "invalid_input"),
    ];
    for (fields, code) in cases {
        assert_eq!(home(&mut world, 1, &fields), Err((422, code)), "{fields}");
    }
}

#[test]
fn posts_are_found_under_their_author() {
    let mut world = world(0, 1..3);
    let author = Caller::Account(Id(1));
    let published = world.request(&author, "POST /v1/me/feed", r#"{"body": "a"}"#);
    let post = published.expect("a body")["post"].as_str().expect("a text").to_owned();
    let of = |author: u128| format!("GET /v1/users/{}/posts", user(author));
    let cases = [
        (format!("{}/{post}", of(1)), None),
        (format!("{}/{post}", of(2)), Some((404, "post_unknown"))),
        (of(1), None),
        (of(2), None),
        (of(9), Some((404, "user_unknown"))),
    ];
    for (line, expected) in cases {
        assert_eq!(world.request(&author, &line, "{}").err(), expected, "{line}");
    }
    let blank = world.call(&AuthorId(user(1)), &Publish { body: " ".into() });
    assert_eq!(blank, Err(PublishError::BodyBlank));
}
