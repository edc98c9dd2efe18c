//! What an executor promises, tried on a ledger in memory.
#![expect(clippy::unwrap_used, reason = "a test")]

mod rig;

use std::time::Duration;

use cluster::executor::{Input, Knobs};
use cluster::memory::{Fate, Reads, Telling};
use cluster::operator::{
    DeadLetterError, DeadLetterView, Discard, ListDeadLetters, ListQuarantined, Redrive, Release,
    ReleaseError,
};
use cluster::request::{Answer, Failure, Verb};
use cluster::slots::ShardId;
use entity::registry::Outcome;
use entity::transaction::Limit;
use entity::{Address, Command, Id, Key, Kind, Time};
use rig::kinds::{
    Add, AddError, Later, LogOf, Look, Looks, Misbehave, Name, Note, Recall, Recalled, Remember,
    Tallies, Tell,
};
use rig::world::{SENDER, World, decode, inside, outside, request};

fn name(text: &str) -> Name {
    Name(text.into())
}

fn count(world: &mut World, of: &str) -> u64 {
    look(world, of).count
}

fn look(world: &mut World, at: &str) -> Looks {
    world.ask(&name(at), &Look).unwrap().unwrap()
}

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
fn limits_refuse_and_change_nothing() {
    let cases = [
        (Misbehave::LargeRow, Limit::RowBytes),
        (Misbehave::LargeKey, Limit::RowKeyBytes),
        (Misbehave::ManyRows, Limit::RowsWritten),
        (Misbehave::ManyBytes, Limit::EffectsBytes),
        (Misbehave::ManyMessages, Limit::Messages),
        (Misbehave::ManyWakeUps, Limit::WakeUps),
        (Misbehave::LargeHead, Limit::HeadBytes),
        (Misbehave::LargeReply, Limit::ReplyBytes),
        (Misbehave::LargeTarget, Limit::EntityKeyBytes),
    ];
    let mut world = World::new(1);
    for (how, limit) in cases {
        assert_eq!(world.call(&name("a"), &how), Err(Failure::Limit(limit)), "{how:?}");
    }
    assert_eq!(look(&mut world, "a"), Looks::default());
    assert_eq!(world.call(&name("a"), &Add { n: 1 }), Ok(Ok(1)));
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
    let mut world = World::with(1, Knobs { batch_commands_max: 1, ..Knobs::default() });
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
fn a_wake_up_never_comes_before_its_time() {
    let mut world = World::with(1, Knobs { records_in_flight_max: 1, ..Knobs::default() });
    world.call(&name("a"), &Later { n: 2, seconds: 60 }).unwrap().unwrap();
    let (now, due) = (world.now, world.now + Duration::from_mins(1));
    world.crash(0);
    world.settle();
    world.shards[0].memory.keep_history();
    // The clock jumps ahead; what is due has to be fetched; the clock is back before it is there.
    world.shards[0].memory.reads = Reads::Cold;
    world.shards[0].memory.script([Fate::Delay(3)]);
    world.start(&name("b"), &Add { n: 2 });
    world.step();
    world.now = world.now + Duration::from_hours(1);
    world.step();
    world.now = now;
    world.settle();
    assert_eq!(count(&mut world, "a"), 2);
    let last = world.shards[0].memory.take_history().last().unwrap().time;
    assert!(last > due, "{last} is before {due}");
}

#[test]
fn the_largest_command_fits_a_record_that_is_nearly_full() {
    let mut world = World::new(1);
    world.shards[0].memory.keep_history();
    let mut tickets: Vec<_> =
        (0..9).map(|n| world.start(&name(&format!("{n}")), &Misbehave::AllAtOnce)).collect();
    tickets.extend((0..200).map(|n| world.start(&name("small"), &Add { n: 2 * n })));
    tickets.extend((0..9).map(|n| world.start(&name(&format!("{n}")), &Misbehave::AllAtOnce)));
    world.settle();
    for ticket in tickets {
        let answer = world.answers.remove(&ticket).unwrap();
        assert!(matches!(answer, Answer::Outcome(Outcome::Reply(_))), "{answer:?}");
    }
    let sizes = world.shards[0].memory.take_history().into_iter().map(|it| it.bytes());
    let largest = sizes.max().unwrap();
    assert!(largest > 600_000, "{largest} bytes are no test");
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
    let mut world = World::with(1, Knobs { live_max: 10, ..Knobs::default() });
    for round in 1..=3 {
        for n in 0..50 {
            let sum = world.call(&name(&format!("{n}")), &Add { n: 2 });
            assert_eq!(sum, Ok(Ok(2 * round)));
        }
    }
    assert!(world.shards[0].executor.status().live <= 11);
}

#[test]
fn messages_are_handled_once_and_in_order() {
    let mut world = World::new(4);
    let others: Vec<_> = (0..40).map(|n| name(&format!("{n}"))).collect();
    for n in [2, 4] {
        let tell = Tell { others: others.clone(), n, wants_refusal: false };
        world.call(&name("a"), &tell).unwrap().unwrap();
    }
    for other in &others {
        assert_eq!(world.ask(other, &LogOf).unwrap().unwrap().0, [(1, 2), (2, 4)], "{other}");
    }
    let status = world.shards.iter().map(|shard| shard.executor.status());
    assert_eq!(status.map(|it| it.outbox_bytes).sum::<usize>(), 0, "all is acknowledged");
}

#[test]
fn a_repeated_or_lost_envelope_changes_nothing() {
    let mut world = World::new(2);
    let (near, far) = (world.name_in(0, 0), world.name_in(1, 0));
    let tell = Tell { others: vec![name(&far)], n: 2, wants_refusal: false };
    world.is_cut = true;
    for _ in 0..3 {
        world.call(&name(&near), &tell).unwrap().unwrap();
    }
    let sent: Vec<_> = world.wire.drain(..).collect();
    assert_eq!(sent.len(), 3);
    // The last one first, the second one twice, the first one lost.
    for n in [2, 1, 1] {
        let (to, envelope) = sent[n].clone();
        world.shards[to.0 as usize].executor.input(envelope);
    }
    world.settle();
    assert_eq!(count(&mut world, &far), 0, "a gap is not skipped");
    world.is_cut = false;
    world.pass(Duration::from_secs(1));
    assert_eq!(count(&mut world, &far), 6, "they were sent again");
    for (to, envelope) in sent {
        world.shards[to.0 as usize].executor.input(envelope);
    }
    world.settle();
    assert_eq!(count(&mut world, &far), 6, "and repeats are known");
}

#[test]
fn messages_survive_crashes_on_both_ends() {
    let mut world = World::new(2);
    let (near, far) = (world.name_in(0, 0), world.name_in(1, 0));
    let targets = vec![name(&far), name(&near), name(&far)];
    let tell = Tell { others: targets, n: 2, wants_refusal: false };
    for round in 1..=20 {
        world.is_cut = true;
        world.start(&name(&near), &tell);
        world.step();
        world.step();
        world.crash(round % 2);
        world.settle();
        world.is_cut = false;
        world.pass(Duration::from_secs(1));
        world.crash((round + 1) % 2);
        world.settle();
        assert_eq!(count(&mut world, &far), u64::from(round) * 4);
        assert_eq!(count(&mut world, &near), u64::from(round) * 2);
    }
}

#[test]
fn a_refused_message_becomes_a_dead_letter_or_comes_back() {
    let mut world = World::new(2);
    let (near, far) = (world.name_in(0, 0), world.name_in(1, 0));
    let tell = |wants_refusal| Tell { others: vec![name(&far)], n: 101, wants_refusal };
    world.call(&name(&near), &tell(true)).unwrap().unwrap();
    assert_eq!(look(&mut world, &near).refusals, 1);
    assert_eq!(letters(&mut world, 1), []);

    world.call(&name(&near), &tell(false)).unwrap().unwrap();
    let dead = letters(&mut world, 1);
    assert_eq!((dead.len(), &*dead[0].code, &*dead[0].command), (1, "odd", "Add"));
    assert_eq!((&*dead[0].to, &*dead[0].body), (&*format!("test.tally {far}"), "{\"n\":101}"));
    assert_eq!(world.shards[1].executor.status().dead_letters, 1);
    assert_eq!(count(&mut world, &far), 0);
    assert_eq!(world.call(&name(&far), &Add { n: 2 }), Ok(Ok(2)), "the link goes on");
}

#[test]
fn a_dead_letter_can_be_sent_again_or_thrown_away() {
    let mut world = World::new(1);
    for _ in 0..3 {
        world.call(&name("b"), &Misbehave::Panic).unwrap_err();
    }
    let tell = Tell { others: vec![name("b"), name("b")], n: 2, wants_refusal: false };
    world.call(&name("a"), &tell).unwrap().unwrap();
    let dead = letters(&mut world, 0);
    assert_eq!(dead.iter().map(|it| &*it.code).collect::<Vec<_>>(), ["entity_quarantined"; 2]);
    let release = Release { kind: Tallies::NAME.into(), key: "b".into() };
    world.call(&ShardId(0), &release).unwrap().unwrap();
    let (first, second) = (dead[0].id, dead[1].id);
    assert_eq!(world.call(&ShardId(0), &Redrive { id: first }), Ok(Ok(())));
    let unknown = Ok(Err(DeadLetterError::Unknown));
    assert_eq!(world.call(&ShardId(0), &Redrive { id: first }), unknown);
    assert_eq!(world.call(&ShardId(0), &Discard { id: second }), Ok(Ok(())));
    assert_eq!((count(&mut world, "b"), letters(&mut world, 0)), (2, vec![]));
    assert_eq!(world.shards[0].executor.status().dead_letters, 0);
}

#[test]
fn a_shard_obeys_operators_only() {
    let mut world = World::new(1);
    let id = world.next_id();
    let mut request = request::<cluster::operator::Shards, _>(
        &ShardId(0),
        Discard::TAG,
        &Discard { id: Id::MIN },
        Verb::Command(id),
    );
    request.caller = entity::Caller::Account(Id(1));
    let ticket = world.send(request);
    world.settle();
    assert_eq!(world.answers.remove(&ticket), Some(Answer::Failure(Failure::Malformed)));
}

fn letters(world: &mut World, shard: u32) -> Vec<DeadLetterView> {
    world.ask(&ShardId(shard), &ListDeadLetters { after: None }).unwrap().unwrap().letters
}

#[test]
fn wake_ups_come_once_when_they_are_due() {
    let mut world = World::new(1);
    world.call(&name("a"), &Later { n: 2, seconds: 60 }).unwrap().unwrap();
    world.call(&name("a"), &Later { n: 4, seconds: 10 }).unwrap().unwrap();
    world.pass(Duration::from_secs(9));
    assert_eq!(count(&mut world, "a"), 0);
    world.pass(Duration::from_secs(2));
    assert_eq!(count(&mut world, "a"), 4);
    world.crash(0);
    world.pass(Duration::from_mins(1));
    assert_eq!(count(&mut world, "a"), 6, "the next activation has them too");
    world.crash(0);
    world.pass(Duration::from_mins(1));
    assert_eq!((count(&mut world, "a"), world.shards[0].executor.status().wake_ups), (6, 0));
}

#[test]
fn a_stream_has_contiguous_offsets_and_forgets_the_oldest() {
    let mut world = World::new(1);
    let entity = Address { kind: Tallies::TAG, key: name("a").to_bytes() };
    for n in 1..=25 {
        if n == 20 {
            let follow = Input::Follow { entity: entity.clone(), stream: 2 };
            world.shards[0].executor.input(follow);
        }
        world.call(&name("a"), &Add { n: 2 * n }).unwrap().unwrap();
        world.crash(0);
        world.settle();
        if n >= 20 {
            let follow = Input::Follow { entity: entity.clone(), stream: 2 };
            world.shards[0].executor.input(follow);
        }
    }
    let log = world.ask(&name("a"), &LogOf).unwrap().unwrap().0;
    assert_eq!(log, (16..=25).map(|n| (n, 2 * n)).collect::<Vec<_>>());
    let offsets: Vec<_> = world.published.iter().map(|it| it.offset.0).collect();
    assert_eq!(offsets, (20..=25).collect::<Vec<_>>(), "followers get what is new");
}

#[test]
fn what_did_not_commit_is_not_published() {
    let mut world = World::new(1);
    let entity = Address { kind: Tallies::TAG, key: name("a").to_bytes() };
    world.shards[0].executor.input(Input::Follow { entity, stream: 2 });
    world.shards[0].memory.script([Fate::Commit, Fate::Rival]);
    world.call(&name("a"), &Add { n: 2 }).unwrap().unwrap();
    world.call(&name("a"), &Add { n: 4 }).unwrap_err();
    assert_eq!(world.published.len(), 1);
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
fn a_full_queue_refuses_and_loses_nothing() {
    let mut world = World::with(1, Knobs { queue_max: 10, ..Knobs::default() });
    let tickets: Vec<_> = (0..15).map(|_| world.start(&name("a"), &Add { n: 2 })).collect();
    world.settle();
    let answers: Vec<_> = tickets.iter().map(|it| world.answers.remove(it).unwrap()).collect();
    let refused = answers.iter().filter(|it| **it == Answer::Failure(Failure::Overloaded)).count();
    assert_eq!((refused, count(&mut world, "a")), (5, 20));
}

#[test]
fn full_outboxes_slow_callers_down_and_never_wait_for_each_other() {
    let knobs = Knobs { outbox_bytes_soft: 2_000, outbox_bytes_hard: 8_000, ..Knobs::default() };
    let mut world = World::with(2, knobs);
    let (near, far) = (world.name_in(0, 0), world.name_in(1, 0));
    world.is_cut = true;
    let mut sent = [0, 0];
    for (shard, from, to) in [(0, &near, &far), (1, &far, &near)] {
        let tell = Tell { others: vec![name(to)], n: 2, wants_refusal: false };
        while world.call(&name(from), &tell) != Err(Failure::Overloaded) {
            sent[shard] += 1;
        }
    }
    assert!(sent.iter().all(|it| *it > 5), "{sent:?}");
    assert!(world.ask(&name(&near), &Look).is_ok(), "questions are answered all the same");
    world.is_cut = false;
    for _ in 0..20 {
        world.pass(Duration::from_secs(1));
    }
    assert_eq!([count(&mut world, &far), count(&mut world, &near)], sent.map(|it| 2 * it));
    assert_eq!(world.call(&name(&near), &Add { n: 2 }), Ok(Ok(2 * sent[1] + 2)));
}

#[test]
fn malformed_requests_are_refused_at_the_door() {
    let mut world = World::new(2);
    let good = request::<Tallies, _>(
        &name("a"),
        Add::TAG,
        &Add { n: 2 },
        Verb::Command(inside(1, Time(0))),
    );
    let mut cases = Vec::new();
    let mut case = |change: &dyn Fn(&mut cluster::request::Request), expected: Failure| {
        let mut request = good.clone();
        change(&mut request);
        cases.push((request, expected));
    };
    case(&|it| it.to.kind = 99, Failure::Malformed);
    case(&|it| it.tag = 99, Failure::Malformed);
    case(&|it| it.to.key = vec![0xFF], Failure::Malformed);
    case(&|it| it.body = vec![1, 0, 2].into(), Failure::Malformed);
    case(&|it| it.body = vec![9; 70_000].into(), too_long("body", 64_000));
    case(&|it| it.to.key = name(&"x".repeat(300)).to_bytes(), too_long("entity's name", 255));
    case(
        &|it| it.verb = Verb::Command(outside(1, &"k".repeat(256), 1)),
        too_long("Idempotency-Key", 255),
    );
    for (mut request, expected) in cases {
        if let Verb::Command(cluster::request::RequestId::Inside { birth, .. }) = &mut request.verb
        {
            *birth = world.now;
        }
        let ticket = world.send(request);
        world.settle();
        assert_eq!(world.answers.remove(&ticket), Some(Answer::Failure(expected)));
    }
    let elsewhere = good.clone();
    world.shards[0].executor.input(Input::Request { ticket: 5_000, request: elsewhere.clone() });
    world.shards[1].executor.input(Input::Request { ticket: 5_001, request: elsewhere });
    world.settle();
    let moved = [5_000, 5_001].map(|it| world.answers[&it] == Answer::Failure(Failure::Moved));
    assert!(moved[0] != moved[1], "only one shard has it");
    assert_eq!(count(&mut world, "a"), 0);
}

fn too_long(what: &'static str, bytes_max: usize) -> Failure {
    Failure::TooLong { what, bytes_max }
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
