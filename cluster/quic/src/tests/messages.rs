//! What is said to a node that is there arrives, whatever becomes of datagrams.

use std::time::Duration;

use cluster::transport::Class;
use tokio::time::sleep;

use super::network::Weather;
use super::world::{ROUND, simulate};
use crate::limits::HELLO_MAX;

const SEEDS: std::ops::Range<u64> = 0..8;

#[test]
fn nothing_is_lost_where_only_datagrams_are() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let nodes = [1, 2, 3].map(|number| world.start(number));
            for one in &nodes {
                for two in nodes.iter().filter(|two| two.number != one.number) {
                    one.reaches(two, ROUND).await;
                }
            }
            world.network.suffer(Weather {
                lost: 50,
                doubled: 50,
                delay_min: Duration::from_millis(world.draw(1..50)),
                delay_more: Duration::from_millis(world.draw(1..50)),
                bytes_max: 1_472,
            });
            let mut words = Vec::new();
            for n in 0..20 {
                for (at, one) in nodes.iter().enumerate() {
                    let two = &nodes[(at + 1 + n % 2) % 3];
                    let bytes = [1, 1_000, 20_000][n % 3];
                    words.extend(Class::ALL.map(|it| (two, one.say_long(two.number, it, bytes))));
                }
                sleep(Duration::from_millis(world.draw(0..50))).await;
            }
            let all = || words.iter().all(|(two, word)| two.heard.has(*word));
            world.until(Duration::from_secs(20), "everything arrives", all).await;
            assert_eq!(world.trace.count(&["not connected"]), 0);
            for node in &nodes {
                node.heard.check();
            }
        });
    }
}

/// Whoever connects finds out at once how long datagrams may be, with some that are lost here.
#[test]
fn long_datagrams_that_are_lost_hold_up_nothing() {
    let mut slow = 0;
    for seed in 0..200 {
        simulate(seed, async |world| {
            let (one, two) = (world.start(1), world.start(2));
            let delay_min = Duration::from_millis(50);
            world.network.suffer(Weather { lost: 50, delay_min, ..Weather::FAIR });
            let took = one.reaches(&two, 2 * HELLO_MAX).await;
            slow += usize::from(took > HELLO_MAX / 2);
        });
    }
    assert_eq!(slow, 0, "so many have waited for long");
}
