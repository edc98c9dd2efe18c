//! Streams are read whole, pushed when they have committed, and changes are told.

use cluster::operator::Shards;
use cluster::stream::{Lengths, Mark, POSITIONS_MAX, Positions, ReadStream, StreamPage};
use entity::{Offset, Query};

use super::*;

fn log_of(who: &str) -> StreamId {
    let entity = Address { kind: Tallies::TAG, key: name(who).to_bytes() };
    StreamId { entity, stream: 2 }
}

#[test]
fn a_stream_has_contiguous_offsets_and_forgets_the_oldest() {
    let mut world = World::new(1);
    for n in 1..=25 {
        if n == 20 {
            world.shards[0].executor.input(Input::Follow(log_of("a")));
        }
        world.call(&name("a"), &Add { n: 2 * n }).unwrap().unwrap();
        world.crash(0);
        world.settle();
        if n >= 20 {
            world.shards[0].executor.input(Input::Follow(log_of("a")));
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
    world.shards[0].executor.input(Input::Follow(log_of("a")));
    world.shards[0].memory.script([Fate::Commit, Fate::Rival]);
    world.call(&name("a"), &Add { n: 2 }).unwrap().unwrap();
    world.call(&name("a"), &Add { n: 4 }).unwrap_err();
    assert_eq!(world.published.len(), 1);
}

fn read(world: &mut World, from: u64, limit: u16) -> StreamPage {
    let read = ReadStream { of: log_of("a"), from: Offset(from), limit };
    world.ask(&ShardId(0), &read).unwrap().unwrap()
}

fn offsets(page: &StreamPage) -> Vec<u64> {
    page.items.iter().map(|(offset, _)| offset.0).collect()
}

#[test]
fn nodes_read_streams_by_position() {
    for reads in [Reads::Warm, Reads::Cold] {
        let mut world = World::new(1);
        world.shards[0].memory.reads = reads;
        assert_eq!(read(&mut world, 1, 10), StreamPage::default());
        for n in 1..=25 {
            world.call(&name("a"), &Add { n: 2 * n }).unwrap().unwrap();
        }
        assert_eq!(offsets(&read(&mut world, 20, 3)), [20, 21, 22]);
        assert_eq!(offsets(&read(&mut world, 24, 10)), [24, 25]);
        assert_eq!(offsets(&read(&mut world, 26, 10)), [0; 0]);
        let page = read(&mut world, 1, 2);
        assert_eq!((page.last, offsets(&page)), (Offset(25), vec![16, 17]), "older ones are gone");
        let lasts = world.ask(&ShardId(0), &Positions { streams: vec![log_of("b"), log_of("a")] });
        assert_eq!(lasts, Ok(Ok(Lengths { lasts: vec![Offset(0), Offset(25)] })));
    }
}

#[test]
fn too_many_positions_are_refused() {
    let mut world = World::new(1);
    let most = Positions { streams: vec![log_of("a"); POSITIONS_MAX] };
    assert!(world.ask(&ShardId(0), &most).is_ok());
    let more = Positions { streams: vec![log_of("a"); POSITIONS_MAX + 1] };
    assert_eq!(world.ask(&ShardId(0), &more), Err(Failure::Malformed));
}

#[test]
fn positions_tell_what_was_published_before() {
    let mut world = World::new(1);
    world.shards[0].executor.input(Input::Follow(log_of("a")));
    world.shards[0].memory.script([Fate::Delay(3)]);
    world.start(&name("a"), &Add { n: 2 });
    world.step();
    let positions = Positions { streams: vec![log_of("a")] };
    let asked = request::<Shards, _>(&ShardId(0), Positions::TAG, &positions, Verb::Query);
    let ticket = world.send(asked);
    while !world.answers.contains_key(&ticket) {
        assert!(world.published.is_empty(), "published, and the answer comes later");
        world.step();
        world.shards[0].memory.advance();
    }
    assert_eq!(world.published.len(), 1);
}

#[test]
fn changes_are_told_when_they_have_committed() {
    let mut world = World::new(1);
    let mark = Mark::of(&log_of("a").entity);
    world.call(&name("a"), &Add { n: 2 }).unwrap().unwrap();
    assert_eq!(world.changed, [], "nobody wants to know");
    world.shards[0].executor.input(Input::TellChanges(true));
    world.call(&name("a"), &Add { n: 2 }).unwrap().unwrap();
    assert_eq!(world.changed, [mark]);
    look(&mut world, "a");
    world.call(&name("a"), &Add { n: 101 }).unwrap().unwrap_err();
    world.shards[0].memory.script([Fate::Rival]);
    world.call(&name("a"), &Add { n: 2 }).unwrap_err();
    assert_eq!(world.changed, [mark], "a question, a refusal and what was lost are no changes");
}

#[test]
fn changes_of_ephemeral_entities_are_told_at_once() {
    let mut world = World::new(1);
    world.shards[0].executor.input(Input::TellChanges(true));
    world.call(&name("a"), &Remember { n: 7 }).unwrap().unwrap();
    assert_eq!(world.changed.len(), 1);
}
