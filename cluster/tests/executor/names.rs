//! A command has its effect once, however often it comes.

use super::*;

#[test]
fn a_repeat_has_no_second_effect() {
    let mut world = World::new(1);
    let id = world.next_id();
    let first = world.call_as("a", &Add { n: 4 }, id.clone());
    assert_eq!(world.call_as("a", &Add { n: 4 }, id.clone()), first);
    world.crash(0);
    world.settle();
    assert_eq!(world.call_as("a", &Add { n: 4 }, id), first, "nor on another node");
    assert_eq!(count(&mut world, "a"), 4);
}

#[test]
fn a_repeat_of_a_refusal_is_refused_again() {
    let mut world = World::new(1);
    let id = world.next_id();
    let first = world.call_as("a", &Add { n: 101 }, id.clone());
    assert!(matches!(first, Answer::Outcome(Outcome::Refusal(_))));
    world.crash(0);
    world.settle();
    assert_eq!(world.call_as("a", &Add { n: 2 }, id), first, "whatever it says now");
    assert_eq!(count(&mut world, "a"), 0);
}

#[test]
fn twins_in_flight_share_one_execution() {
    let mut world = World::new(1);
    world.shards[0].memory.script([Fate::Delay(2)]);
    let id = world.next_id();
    let twin = |world: &mut World| {
        let verb = Verb::Command(id.clone());
        world.send(request::<Tallies, _>(&name("a"), Add::TAG, &Add { n: 4 }, verb))
    };
    let (one, other) = (twin(&mut world), twin(&mut world));
    world.settle();
    assert_eq!(world.answers.remove(&one), world.answers.remove(&other));
    assert_eq!(count(&mut world, "a"), 4);
}

#[test]
fn a_command_that_is_too_old_is_never_executed() {
    let mut world = World::new(1);
    let birth = world.now;
    world.pass(Duration::from_secs(121));
    let answer = world.call_as("a", &Add { n: 4 }, inside(1, birth));
    assert_eq!(answer, Answer::Failure(Failure::Expired));
    let future = world.now + Duration::from_secs(61);
    let answer = world.call_as("a", &Add { n: 4 }, inside(2, future));
    assert_eq!(answer, Answer::Failure(Failure::Expired), "nor one from the future");
    assert_eq!(count(&mut world, "a"), 0);
}

#[test]
fn what_was_acknowledged_is_forgotten_and_never_executed_again() {
    let mut world = World::new(1);
    let (first, birth) = (world.next_id(), world.now);
    world.call_as("a", &Add { n: 4 }, first.clone());
    let acknowledging =
        cluster::request::RequestId::Inside { sender: SENDER, number: 2, birth, acknowledged: 1 };
    world.call_as("a", &Add { n: 2 }, acknowledging);
    assert_eq!(world.call_as("a", &Add { n: 4 }, first.clone()), Answer::Failure(Failure::Expired));
    world.crash(0);
    world.settle();
    let answer = world.call_as("a", &Add { n: 4 }, first);
    assert_eq!(answer, Answer::Failure(Failure::Expired), "the next activation knows");
    assert_eq!(count(&mut world, "a"), 6);
}

#[test]
fn replies_that_nobody_acknowledges_go_away() {
    let mut world = World::new(1);
    for _ in 0..10 {
        world.call(&name("a"), &Add { n: 2 }).unwrap().unwrap();
    }
    let rows = |world: &mut World| world.shards[0].memory.rows().count();
    let before = rows(&mut world);
    world.pass(Duration::from_secs(200));
    world.call_as("a", &Add { n: 2 }, outside(1, "key", 1));
    assert!(rows(&mut world) + 5 < before, "{} rows of {before}", rows(&mut world));
}

#[test]
fn an_idempotency_key_is_kept_for_a_day() {
    let mut world = World::new(1);
    let first = world.call_as("a", &Add { n: 4 }, outside(1, "key", 1));
    world.pass(Duration::from_hours(23));
    world.crash(0);
    world.settle();
    assert_eq!(world.call_as("a", &Add { n: 4 }, outside(1, "key", 1)), first);
    let reused = world.call_as("a", &Add { n: 6 }, outside(1, "key", 2));
    assert_eq!(reused, Answer::Failure(Failure::KeyReused));
    world.call_as("a", &Add { n: 4 }, outside(2, "key", 2));
    assert_eq!(count(&mut world, "a"), 8, "another account's key is another");
    world.pass(Duration::from_hours(2));
    world.call_as("a", &Add { n: 4 }, outside(1, "key", 3));
    assert_eq!(count(&mut world, "a"), 12, "after a day it is new");
}

#[test]
fn a_key_that_is_used_anew_is_kept_for_another_day() {
    let mut world = World::new(1);
    world.call_as("a", &Add { n: 4 }, outside(1, "key", 1));
    world.pass(Duration::from_hours(25));
    world.call_as("a", &Add { n: 4 }, outside(1, "key", 1));
    for n in 0..5 {
        world.call_as("a", &Add { n: 2 }, outside(1, &format!("other{n}"), 1));
    }
    world.call_as("a", &Add { n: 4 }, outside(1, "key", 1));
    assert_eq!(count(&mut world, "a"), 18, "sweeping the old use spares the new one");
}

#[test]
fn a_clock_that_jumps_ahead_and_back_makes_nothing_new() {
    let mut world = World::new(1);
    let id = world.next_id();
    let first = world.call_as("a", &Add { n: 4 }, id.clone());
    let now = world.now;
    world.pass(Duration::from_hours(1));
    world.now = now;
    world.call(&name("b"), &Add { n: 2 }).unwrap().unwrap();
    world.crash(0);
    world.settle();
    let again = world.call_as("a", &Add { n: 4 }, id);
    assert!(again == first || again == Answer::Failure(Failure::Expired), "{again:?}");
    assert_eq!(count(&mut world, "a"), 4);
}

#[test]
fn an_account_has_ten_thousand_keys_a_day() {
    let mut world = World::new(1);
    let mut tickets = Vec::new();
    for n in 0..10_001 {
        let verb = Verb::Command(outside(1, &n.to_string(), 1));
        let add = request::<Tallies, _>(&name("a"), Add::TAG, &Add { n: 2 }, verb);
        tickets.push(world.send(add));
        if n % 1_000 == 0 {
            world.settle();
        }
    }
    world.settle();
    let last = world.answers.remove(&tickets[10_000]).unwrap();
    assert_eq!(last, Answer::Failure(Failure::TooManyKeys));
    assert_eq!(count(&mut world, "a"), 20_000);
    world.pass(Duration::from_hours(25));
    for n in 0..10 {
        world.call_as("a", &Add { n: 2 }, outside(1, &format!("new{n}"), 1));
    }
    assert_eq!(count(&mut world, "a"), 20_020, "expired keys make room");
}
