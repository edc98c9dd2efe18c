//! Registration, the race for a handle, sessions.

use std::time::Duration;

use actors::accounts::api::{
    AccountStatus, Confirm, Digest, FindOwner, HandleName, HandleOwned, Lapse, ListSessions, Open,
    PasswordHash, Reserve, SESSIONS_MAX, StartSession, Status, TakenError, Token, UserId,
    VerifySession,
};
use entity::{Caller, Id};
use serde_json::{Value, json};

use crate::world::{Answered, World};

const SEEDS: u64 = 200;

fn handle(text: &str) -> HandleName {
    text.parse().expect("a handle")
}

fn open(world: &mut World, account: u128, name: &str) {
    let password_hash = PasswordHash("password".into());
    let opened = world.call(&UserId(Id(account)), &Open { handle: handle(name), password_hash });
    opened.expect("nobody's yet");
}

fn status(world: &World, account: u128) -> AccountStatus {
    world.ask(&UserId(Id(account)), &Status {}).expect("it never refuses")
}

fn register(world: &mut World, id: u128, name: &str, password: &str) -> Answered {
    let json = json!({ "handle": name, "password": password }).to_string();
    world.request_again(Id(id), &Caller::Anyone, "POST /v1/accounts", &json)
}

fn log_in(world: &mut World, name: &str, password: &str) -> Answered {
    let json = json!({ "handle": name, "password": password, "label": "phone" }).to_string();
    world.request(&Caller::Anyone, "POST /v1/sessions", &json)
}

fn token(reply: &Value) -> Token {
    reply["token"].as_str().expect("a text").parse().expect("a token")
}

fn is_in_force(world: &World, token: &Token) -> bool {
    let verify = VerifySession { session: token.session, digest: token.digest() };
    world.ask(&token.user, &verify).is_ok()
}

#[test]
fn of_two_accounts_that_race_for_a_handle_exactly_one_becomes_active() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        open(&mut world, 1, "ann");
        for _ in 0..world.below(4) {
            world.deliver();
        }
        open(&mut world, 2, "ann");
        // Longer than a reservation lasts: it may lapse in the middle of the saga.
        for _ in 0..world.below(8) {
            world.deliver();
        }
        world.pass(Duration::from_secs(61));
        world.settle();

        let mut found = [status(&world, 1), status(&world, 2)];
        found.sort_by_key(|it| *it == AccountStatus::Active);
        assert_eq!(found, [AccountStatus::Refused, AccountStatus::Active], "seed {seed}");
        let owner = world.ask(&handle("ann"), &FindOwner {}).expect("somebody's").user;
        let active = if status(&world, 1) == AccountStatus::Active { 1 } else { 2 };
        assert_eq!(owner, UserId(Id(active)), "seed {seed}");
        assert_eq!(world.dead_letters, 0, "seed {seed}");
    }
}

#[test]
fn a_late_confirmation_succeeds_unless_somebody_came_meanwhile() {
    let (ann, bob) = (UserId(Id(1)), UserId(Id(2)));
    let mut world = World::new(0);
    world.call(&handle("ann"), &Reserve { account: ann }).expect("it is free");
    world.pass(Duration::from_secs(61));
    world.call(&handle("ann"), &Confirm { account: ann }).expect("nobody came");
    assert_eq!(world.call(&handle("ann"), &Confirm { account: bob }), Err(TakenError::Taken));

    world.call(&handle("bob"), &Reserve { account: ann }).expect("it is free");
    world.pass(Duration::from_secs(61));
    world.call(&handle("bob"), &Reserve { account: bob }).expect("it is free again");
    assert_eq!(world.call(&handle("bob"), &Confirm { account: ann }), Err(TakenError::Taken));
    world.call(&handle("bob"), &Confirm { account: bob }).expect("reserved");
}

#[test]
fn an_early_wake_up_frees_nothing() {
    let mut world = World::new(0);
    world.call(&handle("ann"), &Reserve { account: UserId(Id(1)) }).expect("it is free");
    world.call(&handle("ann"), &Lapse {}).expect("it never refuses");
    let taken = world.call(&handle("ann"), &Reserve { account: UserId(Id(2)) });
    assert_eq!(taken, Err(TakenError::Taken));
}

#[test]
fn messages_that_come_again_change_nothing() {
    let mut world = World::new(0);
    open(&mut world, 1, "ann");
    world.settle();
    world.call(&handle("ann"), &Reserve { account: UserId(Id(1)) }).expect("it is the owner");
    world.call(&UserId(Id(1)), &HandleOwned {}).expect("it never refuses");
    world.pass(Duration::from_secs(61));
    assert_eq!(status(&world, 1), AccountStatus::Active);
    assert_eq!(world.ask(&handle("ann"), &FindOwner {}).map(|it| it.user), Ok(UserId(Id(1))));
}

#[test]
fn a_registered_user_is_logged_in() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let reply = register(&mut world, 7, "Ann", "long enough").expect("free");
        assert_eq!(reply["handle"], "ann");
        let token = token(&reply);
        assert_eq!(token.user, UserId(Id(7)));
        assert!(is_in_force(&world, &token));
        let me = world.request(&Caller::Account(Id(7)), "GET /v1/me", "{}");
        assert_eq!(me.expect("active")["handle"], "ann");
    }
}

#[test]
fn a_repeat_needs_the_password() {
    let mut world = World::new(0);
    let first = register(&mut world, 7, "ann", "long enough").expect("free");
    let again = register(&mut world, 7, "ann", "long enough").expect("a repeat");
    assert_eq!(first["user"], again["user"]);
    assert!(is_in_force(&world, &token(&first)) && is_in_force(&world, &token(&again)));
    let cases = [
        ("ann", "long enough?", (409, "handle_taken")),
        ("bob", "long enough", (409, "account_other_handle")),
    ];
    for (name, password, expected) in cases {
        assert_eq!(register(&mut world, 7, name, password), Err(expected), "{name} {password}");
    }
}

#[test]
fn registrations_are_refused() {
    let mut world = World::new(0);
    register(&mut world, 1, "ann", "long enough").expect("free");
    let longest = "비".repeat(128);
    let too_long = "비".repeat(129);
    let cases = [
        ("ann", "long enough", Some((409, "handle_taken"))),
        ("bob", "7 chars", Some((422, "password_size"))),
        ("bob", &too_long, Some((422, "password_size"))),
        ("b", "long enough", Some((422, "invalid_input"))),
        ("bob", &longest, None),
    ];
    for ((name, password, expected), id) in cases.into_iter().zip(2..) {
        assert_eq!(register(&mut world, id, name, password).err(), expected, "{name} {password}");
    }
}

#[test]
fn an_account_that_does_not_become_active_in_time_is_refused_for_now() {
    let mut world = World::new(0);
    world.is_stuck = true;
    assert_eq!(register(&mut world, 1, "ann", "long enough"), Err((503, "account_opening")));
    world.is_stuck = false;
    register(&mut world, 1, "ann", "long enough").expect("a repeat goes on");
}

#[test]
fn only_handle_and_password_together_log_in() {
    let mut world = World::new(0);
    register(&mut world, 1, "ann", "long enough").expect("free");
    let reply = log_in(&mut world, "ANN", "long enough").expect("right");
    assert!(is_in_force(&world, &token(&reply)));
    for (name, password) in [("ann", "another one"), ("bob", "long enough")] {
        let expected = Err((401, "credentials_wrong"));
        assert_eq!(log_in(&mut world, name, password), expected, "{name} {password}");
    }
}

#[test]
fn a_session_ends_by_its_owner_or_by_itself() {
    let mut world = World::new(0);
    let one = token(&register(&mut world, 1, "ann", "long enough").expect("free"));
    let other = token(&log_in(&mut world, "ann", "long enough").expect("right"));
    let ann = Caller::Account(Id(1));
    let line = format!("DELETE /v1/me/sessions/{}", one.session);
    world.request(&ann, &line, "{}").expect("it is there");
    let expected = Err((404, "session_unknown"));
    assert_eq!(world.request(&ann, &line, "{}"), expected);
    assert!(!is_in_force(&world, &one) && is_in_force(&world, &other));

    world.pass(Duration::from_hours(30 * 24) - Duration::from_secs(1));
    assert!(is_in_force(&world, &other));
    world.pass(Duration::from_secs(1));
    assert!(!is_in_force(&world, &other));
    let sessions = world.request(&ann, "GET /v1/me/sessions", "{}").expect("a list");
    assert_eq!(sessions, json!({ "sessions": [] }));
}

#[test]
fn one_session_too_many_ends_the_oldest() {
    let mut world = World::new(0);
    let ann = UserId(Id(1));
    open(&mut world, 1, "ann");
    world.settle();
    let start = StartSession { digest: Digest([1; 32]), label: String::new() };
    let started: Vec<_> =
        (0..=SESSIONS_MAX).map(|_| world.call(&ann, &start).expect("active")).collect();
    let listed = world.ask(&ann, &ListSessions {}).expect("it never refuses").sessions;
    let listed: Vec<_> = listed.into_iter().map(|it| it.session).collect();
    assert_eq!(listed, started[1..]);
    let verify = |world: &World, session| {
        world.ask(&ann, &VerifySession { session, digest: Digest([1; 32]) }).is_ok()
    };
    assert!(!verify(&world, started[0]) && verify(&world, started[1]));
}
