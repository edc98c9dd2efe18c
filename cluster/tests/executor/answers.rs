//! Answers leave when all that they saw is durable, and tell the truth.

use super::*;

#[test]
fn an_answer_waits_until_what_it_saw_is_durable() {
    let mut world = World::new(1);
    world.shards[0].memory.script([Fate::Delay(3)]);
    let write = world.start(&name("a"), &Add { n: 4 });
    world.step();
    let read = world.send(request::<Tallies, _>(&name("a"), 1, &Look, Verb::Query));
    let refused = world.start(&name("a"), &Add { n: 101 });
    world.step();
    world.step();
    assert!(world.answers.is_empty(), "nothing leaves before the record has committed");
    world.settle();
    assert_eq!(decode::<u64, AddError>(world.answers.remove(&write).unwrap()), Ok(Ok(4)));
    let seen = decode::<Looks, entity::Never>(world.answers.remove(&read).unwrap());
    assert_eq!(seen.unwrap().unwrap().count, 4, "it saw the uncommitted write");
    let refusal = decode::<u64, AddError>(world.answers.remove(&refused).unwrap());
    assert_eq!(refusal, Ok(Err(AddError::Odd { n: 101 })));
}

#[test]
fn nothing_that_was_lost_is_ever_answered() {
    let mut world = World::new(1);
    world.call(&name("a"), &Add { n: 2 }).unwrap().unwrap();
    world.shards[0].memory.script([Fate::Rival]);
    let write = world.start(&name("a"), &Add { n: 4 });
    let read = world.send(request::<Tallies, _>(&name("a"), 1, &Look, Verb::Query));
    world.settle();
    assert_eq!(world.answers.remove(&write), Some(Answer::Failure(Failure::Moved)));
    assert_eq!(world.answers.remove(&read), Some(Answer::Failure(Failure::Moved)));
    assert_eq!(world.shards[0].ended, 1);
    assert_eq!(count(&mut world, "a"), 2);
}

#[test]
fn an_unknown_outcome_is_told_as_such_and_a_retry_finds_out() {
    for (fate, expected) in [(Fate::CommitUnknown, 6), (Fate::DropUnknown, 6)] {
        let mut world = World::new(1);
        world.call(&name("a"), &Add { n: 2 }).unwrap().unwrap();
        world.shards[0].memory.script([fate]);
        let id = world.next_id();
        let answer = world.call_as("a", &Add { n: 4 }, id.clone());
        assert_eq!(answer, Answer::Failure(Failure::Unknown));
        let answer = world.call_as("a", &Add { n: 4 }, id);
        assert_eq!(decode::<u64, AddError>(answer), Ok(Ok(6)), "{fate:?}");
        assert_eq!(count(&mut world, "a"), expected, "{fate:?}: once, not twice");
    }
}

#[test]
fn records_in_flight_may_be_told_in_any_order() {
    let mut world = World::with(1, Knobs { batch_commands_max: 1, ..usual() });
    world.shards[0].memory.telling = Telling::Reversed;
    world.shards[0].memory.script([Fate::Delay(2)]);
    let tickets: Vec<_> = (1..=5).map(|n| world.start(&name("a"), &Add { n })).collect();
    world.settle();
    let sums: Vec<_> = tickets
        .iter()
        .map(|it| decode::<u64, AddError>(world.answers.remove(it).unwrap()).unwrap().unwrap())
        .collect();
    assert_eq!(sums, [1, 3, 6, 10, 15]);
    assert_eq!(world.shards[0].memory.take_history().len(), 0);
}

#[test]
fn a_small_record_gathers_while_another_is_in_flight() {
    for (batch_commands_eager, expected) in [(64, 2), (3, 3), (1, 5)] {
        let mut world = World::with(1, Knobs { batch_commands_eager, ..usual() });
        world.settle();
        world.shards[0].memory.keep_history();
        world.shards[0].memory.script([Fate::Delay(20)]);
        for n in 1..=5 {
            world.start(&name("a"), &Add { n });
            world.step();
        }
        world.settle();
        assert_eq!(count(&mut world, "a"), 15);
        let records = world.shards[0].memory.take_history().len();
        assert_eq!(records, expected, "{batch_commands_eager} commands do not wait");
    }
}

#[test]
fn a_small_record_waits_for_company_where_there_was_some() {
    let pace = Duration::from_millis(5);
    let mut world = World::with(1, Knobs { record_pace: pace, record_company: 2, ..usual() });
    world.shards[0].memory.keep_history();
    let start = |world: &mut World, count: u64| -> Vec<_> {
        let sent: Vec<_> = (0..count).map(|_| world.start(&name("a"), &Add { n: 2 })).collect();
        world.settle();
        sent
    };
    let are_answered =
        |world: &World, sent: &[u64]| sent.iter().all(|it| world.answers.contains_key(it));
    let together = start(&mut world, 2);
    assert!(are_answered(&world, &together), "the first record leaves at once");
    let (first, second) = (start(&mut world, 1), start(&mut world, 1));
    assert!(!are_answered(&world, &first), "another one may come");
    assert_eq!(world.shards[0].executor.next_step(), Some(world.now + pace));
    world.pass(pace);
    assert!(are_answered(&world, &[first, second].concat()));
    assert_eq!(world.shards[0].memory.take_history().len(), 2, "they shared a record");
    world.pass(pace);
    for _ in 0..3 {
        let alone = start(&mut world, 1);
        assert!(are_answered(&world, &alone), "whoever is alone does not wait");
    }
    start(&mut world, 2);
    world.now = world.now - Duration::from_secs(1);
    let after = start(&mut world, 1);
    assert!(are_answered(&world, &after), "a clock that was set back holds nothing up");
    assert_eq!(count(&mut world, "a"), 2 * 10);
}

#[test]
fn an_activation_that_lost_the_shard_while_it_was_loading_never_serves() {
    let mut world = World::with(1, Knobs { load_rows: 1, ..usual() });
    let tell = Tell { others: vec![name("b")], n: 2, wants_refusal: false };
    world.call(&name("a"), &tell).unwrap().unwrap();
    world.shards[0].memory.delay_fetches(3);
    world.crash(0);
    for _ in 0..10 {
        // Each loads a little, and another one claims the shard before it is done.
        world.step();
        world.shards[0].memory.advance();
        let (mut memory, seat) = (std::mem::take(&mut world.shards[0].memory), 90);
        memory.seat(seat).claim();
        world.shards[0].memory = memory;
        for _ in 0..40 {
            world.shards[0].memory.advance();
            world.step();
        }
    }
    assert!(world.shards[0].ended > 0, "it noticed");
    world.shards[0].memory.delay_fetches(0);
    world.crash(0);
    world.settle();
    assert_eq!((count(&mut world, "a"), count(&mut world, "b")), (0, 2));
}

#[test]
fn what_an_old_activation_asked_for_means_nothing_to_the_next() {
    for reads in [Reads::Warm, Reads::Cold] {
        let mut world = World::new(1);
        world.shards[0].memory.reads = reads;
        for round in 1..=10 {
            world.shards[0].memory.script([Fate::Commit, Fate::Delay(3), Fate::Commit]);
            for n in 0..3 {
                world.start(&name(&format!("{n}")), &Add { n: 2 });
                world.step();
            }
            world.send(request::<Tallies, _>(&name("a"), 1, &Look, Verb::Query));
            world.step();
            world.crash_on_its_seat(0);
            if round % 2 == 0 {
                world.step();
                world.crash_on_its_seat(0);
            }
            world.settle();
            assert_eq!(world.call(&name("a"), &Add { n: 2 }), Ok(Ok(2 * round)), "{reads:?}");
        }
    }
}
