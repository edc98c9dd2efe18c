//! The network is cut, in one direction or in both.

use std::time::Duration;

use super::world::{Node, ROUND, World, simulate};
use crate::limits::{HELLO_MAX, IDLE_MAX, KEEP_ALIVE, PAUSE_MAX};

const SEEDS: std::ops::Range<u64> = 0..8;

/// From where to where nothing comes any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cut {
    FromDialer,
    ToDialer,
    Both,
}

impl Cut {
    const ALL: [Self; 3] = [Self::FromDialer, Self::ToDialer, Self::Both];

    fn make(self, world: &World, dialer: &Node, peer: &Node) {
        let (from, to) = (dialer.socket.address(), peer.socket.address());
        if self != Self::ToDialer {
            world.network.cut(from, to);
        }
        if self != Self::FromDialer {
            world.network.cut(to, from);
        }
    }
}

/// How long until whoever dialed knows of a cut.
const NOTICED_MAX: Duration = Duration::from_secs(IDLE_MAX.as_secs() + 2 * KEEP_ALIVE.as_secs());

/// A long cut is noticed within the limits, and soon after it ends whoever dials is connected again.
fn long(seed: u64, cut: Cut) {
    simulate(seed, async |world| {
        let (one, two) = world.start_two().await;
        cut.make(world, &one, &two);
        let is_noticed = || world.trace.count(&["not connected peer=2"]) > 0;
        let noticed = one.talk_until(2, NOTICED_MAX, is_noticed).await;
        assert!(noticed + KEEP_ALIVE + ROUND >= IDLE_MAX, "{noticed:?}");
        let attempts_before = world.trace.count(&["not connected"]);
        let more = Duration::from_millis(world.draw(0..20_000));
        one.talk(2, more).await;
        let attempts = world.trace.count(&["not connected"]) - attempts_before;
        let attempts_max = more.as_millis() / HELLO_MAX.as_millis() + 1;
        assert!(attempts as u128 <= attempts_max, "{attempts} attempts within {more:?}");
        world.network.heal();
        one.reaches(&two, HELLO_MAX + PAUSE_MAX + ROUND).await;
        two.heard.check();
    });
}

/// What a short cut held up arrives, and nothing of it is lost.
fn short(seed: u64, cut: Cut) {
    simulate(seed, async |world| {
        let (one, two) = world.start_two().await;
        cut.make(world, &one, &two);
        let lasting = Duration::from_millis(world.draw(10..2_000));
        let words = one.talk(2, lasting).await;
        world.network.heal();
        let all = || words.iter().all(|word| two.heard.has(*word));
        // The pauses between two attempts to get through double.
        world.until(lasting + ROUND, "all that was held up arrives", all).await;
        assert_eq!(world.trace.count(&["not connected"]), 0);
        two.heard.check();
    });
}

#[test]
fn a_long_cut_is_noticed_and_mended() {
    for cut in Cut::ALL {
        SEEDS.for_each(|seed| long(seed, cut));
    }
}

#[test]
fn a_short_cut_loses_nothing() {
    for cut in Cut::ALL {
        SEEDS.for_each(|seed| short(seed, cut));
    }
}
