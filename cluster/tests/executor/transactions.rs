//! A handler is one transaction, whatever it does and wherever its rows are.

use super::*;

#[test]
fn a_command_changes_head_rows_and_stream_at_once() {
    let mut world = World::new(1);
    assert_eq!(world.call(&name("a"), &Add { n: 4 }), Ok(Ok(4)));
    assert_eq!(world.call(&name("a"), &Add { n: 5 }), Ok(Ok(9)));
    assert_eq!(look(&mut world, "a"), Looks { count: 9, rows: 2, refusals: 0 });
    assert_eq!(world.ask(&name("a"), &LogOf).unwrap().unwrap().0, [(1, 4), (2, 5)]);
    assert_eq!(count(&mut world, "b"), 0, "another entity is another");
}

#[test]
fn a_refusal_after_writing_changes_nothing() {
    let mut world = World::new(1);
    assert_eq!(world.call(&name("a"), &Add { n: 101 }), Ok(Err(AddError::Odd { n: 101 })));
    assert_eq!(look(&mut world, "a"), Looks::default());
    assert_eq!(world.ask(&name("a"), &LogOf).unwrap().unwrap().0, []);
    assert_eq!(count(&mut world, "elsewhere"), 0, "its message was not sent");
}

#[test]
fn a_panic_is_an_error_of_its_caller_alone() {
    let mut world = World::new(1);
    world.call(&name("a"), &Add { n: 1 }).unwrap().unwrap();
    assert_eq!(world.call(&name("a"), &Misbehave::Panic), Err(Failure::Panicked));
    assert_eq!(world.call(&name("a"), &Add { n: 1 }), Ok(Ok(2)), "and it goes on");
}

#[test]
fn an_entity_that_panics_in_a_row_waits_for_an_operator() {
    let mut world = World::new(1);
    for _ in 0..3 {
        assert_eq!(world.call(&name("a"), &Misbehave::Panic), Err(Failure::Panicked));
    }
    assert_eq!(world.call(&name("a"), &Add { n: 1 }), Err(Failure::Quarantined));
    assert_eq!(world.call(&name("b"), &Add { n: 1 }), Ok(Ok(1)), "others do not wait");
    world.crash(0);
    world.settle();
    assert_eq!(world.call(&name("a"), &Add { n: 1 }), Err(Failure::Quarantined), "it is durable");
    let listed = world.ask(&ShardId(0), &ListQuarantined {}).unwrap().unwrap().entities;
    assert_eq!((&*listed[0].key, &*listed[0].panic), ("a", "as it was told"));
    let release = Release { kind: listed[0].kind.clone(), key: "a".into() };
    assert_eq!(world.call(&ShardId(0), &release), Ok(Ok(())));
    assert_eq!(world.call(&ShardId(0), &release), Ok(Err(ReleaseError::Unknown)));
    assert_eq!(world.call(&name("a"), &Add { n: 1 }), Ok(Ok(1)));
}

#[test]
fn a_head_that_cannot_be_read_harms_only_its_entity() {
    let mut world = World::new(1);
    world.call(&name("a"), &Add { n: 2 }).unwrap().unwrap();
    world.shards[0].memory.damage(|key| key.ends_with(&[0]) && key[2..4] == [0, 1]);
    world.crash(0);
    world.settle();
    assert_eq!(world.call(&name("a"), &Add { n: 2 }), Err(Failure::Unreadable));
    assert_eq!(world.ask(&name("a"), &Look), Err(Failure::Unreadable));
    assert_eq!(world.call(&name("b"), &Add { n: 2 }), Ok(Ok(2)));
}

#[test]
fn a_row_that_is_not_in_memory_is_fetched_and_the_handler_runs_again() {
    let mut world = World::new(1);
    world.shards[0].memory.reads = Reads::Cold;
    for n in [4, 4, 6] {
        world.call(&name("a"), &Add { n }).unwrap().unwrap();
    }
    world.crash(0);
    world.settle();
    let tickets: Vec<_> =
        (0..20).map(|n| world.start(&name(&format!("{}", n % 3)), &Add { n })).collect();
    world.settle();
    assert!(tickets.iter().all(|ticket| world.answers.remove(ticket).is_some()));
    assert_eq!(world.call(&name("a"), &Add { n: 4 }), Ok(Ok(18)));
    assert_eq!(look(&mut world, "a"), Looks { count: 18, rows: 2, refusals: 0 });
    let sums: u64 = (0..3).map(|n| count(&mut world, &n.to_string())).sum();
    assert_eq!(sums, 190);
}

#[test]
fn entities_leave_memory_and_come_back() {
    let mut world = World::with(1, Knobs { live_max: 10, ..usual() });
    for round in 1..=3 {
        for n in 0..50 {
            let sum = world.call(&name(&format!("{n}")), &Add { n: 2 });
            assert_eq!(sum, Ok(Ok(2 * round)));
        }
    }
    assert!(world.shards[0].executor.status().live <= 11);
}

#[test]
fn an_ephemeral_entity_keeps_nothing_and_promises_nothing() {
    let mut world = World::new(1);
    world.shards[0].memory.keep_history();
    world.call(&name("a"), &Remember { n: 7 }).unwrap().unwrap();
    world.call(&name("a"), &Remember { n: 8 }).unwrap().unwrap();
    assert_eq!(world.ask(&name("a"), &Recall), Ok(Ok(Recalled(8, 2))));
    assert_eq!(world.shards[0].memory.take_history(), [], "no record was written");
    let refused = world.call(&name("a"), &Remember { n: 13 });
    assert_eq!(refused, Err(Failure::Limit(Limit::Ephemeral)));
    world.crash(0);
    world.settle();
    assert_eq!(world.ask(&name("a"), &Recall), Ok(Ok(Recalled(0, 0))));
    world.call(&name("a"), &Add { n: 5 }).unwrap().unwrap();
    world.call(&name("a"), &Note).unwrap().unwrap();
    assert_eq!(world.ask(&name("a"), &Recall), Ok(Ok(Recalled(5, 1))), "messages reach it");
}

#[test]
fn time_rises_whatever_the_clock_does() {
    let mut world = World::new(1);
    world.shards[0].memory.keep_history();
    for (n, clock) in [5_000, 4_000, 1, 9_000, 9_000].into_iter().enumerate() {
        world.now = Time(2_000_000_000 + clock);
        if n == 2 {
            world.crash(0);
        }
        world.call_as("a", &Add { n: 2 }, outside(1, &n.to_string(), 1));
    }
    let times: Vec<_> =
        world.shards[0].memory.take_history().iter().map(|record| record.time).collect();
    assert!(times.is_sorted_by(|one, other| one < other), "{times:?}");
}
