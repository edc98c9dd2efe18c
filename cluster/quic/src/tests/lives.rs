//! Nodes end, begin anew, move, and are two.

use std::time::Duration;

use cluster::transport::Class;
use tokio::time::sleep;

use super::identities::identity;
use super::network::Weather;
use super::world::{ROUND, place, simulate};
use crate::limits::{IDLE_MAX, KEEP_ALIVE, PAUSE_MAX, PAUSE_MIN};

const SEEDS: std::ops::Range<u64> = 0..8;

/// Above what connecting takes in fair weather, and below every pause and every wait for a sign.
const HANDSHAKE: Duration = Duration::from_millis(30);

#[test]
fn whoever_begins_anew_where_it_was_is_found_at_once() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, two) = world.start_two().await;
            two.kill();
            let away = Duration::from_millis(world.draw(1..3_000));
            one.talk(2, away).await;
            let again = world.start(2);
            // Told by the new life that the connection is over. The pauses between two attempts to get
            // through double.
            one.reaches(&again, away + PAUSE_MIN + ROUND).await;
            again.reaches(&one, 2 * ROUND).await;
            for node in [one, two, again] {
                node.heard.check();
            }
        });
    }
}

#[test]
fn whoever_is_back_is_answered_at_once_however_long_it_was_away() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, two) = world.start_two().await;
            two.kill();
            // What is said to it fills the way to its former life; then there is no way.
            one.talk(2, Duration::from_millis(world.draw(1..20_000))).await;
            world.network.suffer(Weather::FAIR);
            let again = world.start(2);
            again.reaches(&one, ROUND).await;
            one.reaches(&again, HANDSHAKE).await;
            for node in [one, two, again] {
                node.heard.check();
            }
        });
    }
}

#[test]
fn nothing_of_a_former_life_comes_after_the_next_one() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, mut two) = world.start_two().await;
            for _ in 0..10 {
                for class in Class::ALL {
                    for _ in 0..20 {
                        two.say_long(1, class, 2_000);
                    }
                }
                sleep(Duration::from_millis(world.draw(1..100))).await;
                two.kill();
                two = world.start(2);
            }
            two.reaches(&one, 2 * ROUND).await;
            sleep(IDLE_MAX).await;
            one.heard.check();
        });
    }
}

#[test]
fn whoever_is_seen_elsewhere_connects_again() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, two) = world.start_two().await;
            one.socket.move_to(([10, 0, 7, 1], 999).into());
            one.reaches(&two, 2 * IDLE_MAX).await;
            let told = ["has connected peer=1", "10.0.7.1:999"];
            assert_eq!(world.trace.count(&told), 1, "it proves itself where it is");
            two.heard.check();
        });
    }
}

#[test]
fn whoever_begins_anew_elsewhere_is_found() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, two) = world.start_two().await;
            two.kill();
            let again = world.start_as(2, identity(2), ([10, 0, 7, 2], 999).into());
            one.reaches(&again, IDLE_MAX + KEEP_ALIVE + ROUND).await;
            again.heard.check();
        });
    }
}

#[test]
fn a_farewell_is_heard() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, two) = world.start_two().await;
            two.quic.close().await;
            let told = ["not connected peer=2", "closed by peer: the node goes down"];
            let is_told = || world.trace.count(&told) > 0;
            assert!(is_told(), "it was told before the way was closed");
            two.kill();
            let again = world.start(2);
            one.reaches(&again, 2 * ROUND).await;
        });
    }
}

#[test]
fn two_with_one_identity_take_turns() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, two) = world.start_two().await;
            let other = world.start_as(2, identity(2), place(9));
            let lasting = Duration::from_secs(20);
            tokio::join!(two.talk(1, lasting), other.talk(1, lasting));
            let told =
                ["two processes say that they are this node", "10.0.0.2:4100", "10.0.0.9:4100"];
            let turns = world.trace.count(&["has connected peer=2"]);
            assert!(world.trace.count(&told) > 0, "nobody is told");
            let cut = ["not connected peer=1", "the same node has connected again"];
            assert!(world.trace.count(&cut) > 0, "the earlier is cut");
            // Each turn is a pause of one of them, at least half of the longest in the end.
            let turns_max = 2 * lasting.as_millis() / (PAUSE_MAX / 2).as_millis() + 12;
            assert!(turns > 4 && turns as u128 <= turns_max, "{turns} turns, {turns_max} at most");
            one.heard.check_each();
        });
    }
}
