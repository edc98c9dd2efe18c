//! Those who never say who they are.

use std::sync::atomic::Ordering;

use quinn::Connection;
use tokio::time::{Instant, sleep, timeout};

use super::identities::identity;
use super::stranger::Stranger;
use super::world::{Node, ROUND, WORD_PERIOD, place, simulate};
use crate::hello::{Hello, Purpose};
use crate::limits::{HELLO_MAX, PAUSE_MAX, STRANGERS_MAX};

const SEEDS: std::ops::Range<u64> = 0..3;

fn strangers(node: &Node) -> usize {
    node.quic.0.strangers.load(Ordering::Relaxed)
}

/// Asserts that a connection ends when its time is over.
async fn check_cut(connection: &Connection, began: Instant) {
    timeout(HELLO_MAX, connection.closed()).await.expect("it had its time");
    assert!(began.elapsed() >= HELLO_MAX && began.elapsed() < HELLO_MAX + PAUSE_MAX + 2 * ROUND);
}

#[test]
fn those_who_never_say_who_they_are_keep_nobody_out_for_long() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, two) = (world.start(1), world.start(2));
            let silent = Stranger::simulated(world, place(7), Some(&identity(7)));
            let began = Instant::now();
            let mut held = Vec::new();
            for _ in 0..2 * STRANGERS_MAX {
                held.extend(silent.dial(2, place(2)).await.ok());
                assert!(strangers(&two) <= STRANGERS_MAX);
            }
            assert_eq!(held.len(), STRANGERS_MAX, "the others are refused");
            let reached = one.reaches(&two, HELLO_MAX + PAUSE_MAX + ROUND).await;
            assert!(reached + ROUND > HELLO_MAX, "{reached:?}");
            for connection in &held {
                check_cut(connection, began).await;
            }
            assert_eq!(strangers(&two), 0);
        });
    }
}

#[test]
fn a_hello_byte_by_byte_takes_too_long() {
    for seed in SEEDS {
        simulate(seed, async |world| {
            let (one, two) = (world.start(1), world.start(2));
            let slow = Stranger::simulated(world, place(7), Some(&identity(7)));
            let began = Instant::now();
            let connection = slow.dial(2, place(2)).await.expect("it answers");
            let (mut send, _receive) = connection.open_bi().await.expect("it listens");
            let hello = Hello { versions: (1, 1), life: 7, purpose: Purpose::Messages }.encode();
            let pause = HELLO_MAX / u32::try_from(hello.len() - 2).expect("short");
            for byte in hello {
                if send.write_all(&[byte]).await.is_err() {
                    break;
                }
                one.reaches(&two, ROUND).await;
                sleep(pause.saturating_sub(WORD_PERIOD)).await;
            }
            check_cut(&connection, began).await;
            let told = ["a connection is refused", "10.0.0.7:4100", "it does not say who it is"];
            assert_eq!(world.trace.count(&told), 1);
        });
    }
}
