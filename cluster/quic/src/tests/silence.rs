//! A peer that does not answer: what waits for it is bounded, and holds up nobody else.

use std::time::Duration;

use cluster::transport::{Class, NodeId};
use tokio::time::sleep;

use super::world::{Node, ROUND, WORD_PERIOD, World, simulate};
use crate::limits::{HELLO_MAX, IDLE_MAX, KEEP_ALIVE, PAUSE_MAX, QUEUE_BYTES_MAX};

const SEEDS: std::ops::Range<u64> = 0..2;

/// Bytes of a long message.
const LONG_BYTES: usize = 1 << 20;

/// Most long messages that quinn has taken, and nobody has got.
const TAKEN_MAX: usize = 16;

/// Bytes that wait for a node.
fn waiting(node: &Node, to: u32) -> usize {
    let outbox = node.quic.0.peers.with(|peers| peers.get(&NodeId(to)).cloned());
    outbox.map_or(0, |outbox| Class::ALL.iter().map(|class| outbox.queue(*class).bytes()).sum())
}

/// How many messages to a node were dropped, as the log has it.
fn dropped(world: &World, to: u32) -> usize {
    let lines = world.trace.lines();
    let lines = lines.iter().filter(|line| line.contains(&format!("not connected peer={to}")));
    let counts = lines.filter_map(|line| line.split_once("dropped=")?.1.split(' ').next());
    counts.map(|count| count.parse::<usize>().expect("a count")).sum()
}

/// Says long things to node 2, and short ones to another node, which hears them at once. Yields how many
/// long ones.
async fn talk(world: &World, (one, other): (&Node, &Node), times: usize) -> usize {
    for _ in 0..times {
        one.say_long(2, Class::Usual, LONG_BYTES);
        assert!(waiting(one, 2) <= QUEUE_BYTES_MAX, "{} bytes wait", waiting(one, 2));
        let short = one.say(other.number, Class::Usual);
        let heard = || other.heard.has(short);
        world.until(Duration::from_millis(20), "the other hears it", heard).await;
        sleep(WORD_PERIOD).await;
    }
    times
}

#[test]
fn a_peer_that_stands_still_holds_up_nobody_else() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let [one, two, three] = [1, 2, 3].map(|number| world.start(number));
            one.reaches(&two, ROUND).await;
            one.reaches(&three, ROUND).await;
            sleep(Duration::from_millis(world.draw(0..2_000))).await;
            let before = two.heard.count();
            two.home.pause();
            let said = talk(world, (&one, &three), 200).await;
            assert!(waiting(&one, 2) > QUEUE_BYTES_MAX - LONG_BYTES, "it is full");
            let is_noticed = || dropped(world, 2) > 0;
            world.until(IDLE_MAX + KEEP_ALIVE, "it is noticed", is_noticed).await;
            assert_eq!(waiting(&one, 2), 0);
            two.home.resume();
            one.reaches(&two, HELLO_MAX + PAUSE_MAX + ROUND).await;
            let said = said.saturating_sub(dropped(world, 2));
            let heard = two.heard.count() - before;
            assert!(said <= heard + TAKEN_MAX, "{said} not dropped, {heard} heard");
            two.heard.check();
        });
    }
}

#[test]
fn a_peer_that_is_gone_holds_up_nobody_else() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let [one, two, three] = [1, 2, 3].map(|number| world.start(number));
            one.reaches(&two, ROUND).await;
            one.reaches(&three, ROUND).await;
            two.kill();
            talk(world, (&one, &three), 50).await;
            sleep(Duration::from_secs(world.draw(10..20))).await;
            let said = talk(world, (&one, &three), 50).await;
            let is_noticed = || waiting(&one, 2) == 0;
            world.until(HELLO_MAX + PAUSE_MAX, "nobody answers", is_noticed).await;
            assert!(dropped(world, 2) >= said, "what was said to nobody is counted");
        });
    }
}
