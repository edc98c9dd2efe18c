//! Messages and wake-ups are handled once, whatever happens to them.

use super::*;

#[test]
fn a_wake_up_never_comes_before_its_time() {
    let mut world = World::with(1, Knobs { records_in_flight_max: 1, ..usual() });
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
fn what_went_astray_goes_again_once_without_waiting() {
    let mut world = World::new(2);
    let (near, far) = (world.name_in(0, 0), world.name_in(1, 0));
    let tell = Tell { others: vec![name(&far)], n: 2, wants_refusal: false };
    world.is_cut = true;
    world.call(&name(&near), &tell).unwrap().unwrap();
    assert_eq!(world.lost(), 1);
    let redirect = |world: &mut World, shard: usize| {
        let other = ShardId(u32::from(shard == 0));
        world.shards[shard].executor.input(Input::Redirected(other));
        world.settle();
    };
    redirect(&mut world, 0);
    redirect(&mut world, 0);
    assert_eq!(world.wire.len(), 1, "whoever is sent in circles keeps nobody busy");
    let (to, envelope) = world.wire.pop_front().unwrap();
    world.shards[to.0 as usize].executor.input(envelope);
    world.settle();
    assert_eq!(world.lost(), 1, "the acknowledgement");
    redirect(&mut world, 1);
    redirect(&mut world, 1);
    assert_eq!(world.wire.len(), 1, "nor with acknowledgements");
    world.is_cut = false;
    world.settle();
    assert_eq!(world.shards[0].executor.status().outbox_bytes, 0, "it has arrived");
    assert_eq!(count(&mut world, &far), 2);
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
fn full_outboxes_slow_callers_down_and_never_wait_for_each_other() {
    let knobs = Knobs { outbox_bytes_soft: 2_000, outbox_bytes_hard: 8_000, ..usual() };
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
fn two_shards_full_of_answers_to_each_other_go_on() {
    let knobs = Knobs {
        outbox_bytes_soft: 2_000,
        outbox_bytes_hard: 8_000,
        batch_commands_max: 1,
        ..usual()
    };
    let mut world = World::with(2, knobs);
    let names = [world.name_in(0, 0), world.name_in(1, 0)];
    world.is_cut = true;
    let mut sent = [0, 0];
    for (shard, [from, to]) in
        [[0, 1], [1, 0]].map(|it| it.map(|n: usize| &names[n])).iter().enumerate()
    {
        // The answers are several times as large as what they answer: all together they are above
        // the hard limit, and stand behind questions that each have more of them.
        let tell = Tell { others: vec![name(from); 20], n: 2, wants_refusal: true };
        let pass = Pass { to: name(to), tell };
        while world.call(&name(from), &pass) != Err(Failure::Overloaded) {
            sent[shard] += 1;
        }
    }
    world.is_cut = false;
    for _ in 0..100 {
        world.pass(Duration::from_secs(1));
    }
    let counts = [0, 1].map(|n: usize| count(&mut world, &names[n]));
    assert_eq!(counts, sent.map(|it| 40 * it), "each question has twenty answers");
}

fn letters(world: &mut World, shard: u32) -> Vec<DeadLetterView> {
    world.ask(&ShardId(shard), &ListDeadLetters { after: None }).unwrap().unwrap().letters
}
