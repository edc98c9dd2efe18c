//! Every limit refuses, and changes nothing.

use super::*;

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
fn a_full_queue_refuses_and_loses_nothing() {
    let mut world = World::with(1, Knobs { queue_max: 10, ..usual() });
    let tickets: Vec<_> = (0..15).map(|_| world.start(&name("a"), &Add { n: 2 })).collect();
    world.settle();
    let answers: Vec<_> = tickets.iter().map(|it| world.answers.remove(it).unwrap()).collect();
    let refused = answers.iter().filter(|it| **it == Answer::Failure(Failure::Overloaded)).count();
    assert_eq!((refused, count(&mut world, "a")), (5, 20));
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
