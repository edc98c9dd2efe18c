//! Those who cannot prove to be who they should be: they say nothing and hear nothing, and the log says
//! where they are, and why.

use std::time::Duration;

use cluster::transport::{Class, NodeId};
use tokio::time::sleep;

use super::identities::{self, SECRET, identity_at, now};
use super::world::{Node, World, place, simulate};
use crate::identity::{Authority, Identity};
use crate::limits::{HELLO_MAX, PAUSE_MAX};

const DAY: Duration = Duration::from_hours(24);

/// Each says something to the other for a while, and neither hears it.
async fn stay_apart(one: &Node, three: &Node) {
    for _ in 0..50 {
        one.say(3, Class::Usual);
        three.say(1, Class::Usual);
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((one.heard.count(), three.heard.count()), (0, 0));
}

/// What the log says of node 3: of the connection that it made, and of the one that was made to it.
fn check_told(world: &World, refused: &str, not_connected: &str) {
    let refused = ["a connection is refused", "address=10.0.0.3:4100", refused];
    assert!(world.trace.count(&refused) > 0, "{refused:?}");
    let not_connected = ["not connected peer=3 address=\"10.0.0.3:4100\"", not_connected];
    assert!(world.trace.count(&not_connected) > 0, "{not_connected:?}");
}

#[test]
fn certificates_begin_and_end() {
    let early = identity_at(3, now() + 2 * DAY, DAY);
    let expired = identity_at(3, now() - 2 * DAY, DAY);
    for (seed, identity, why) in [(1, early, "not valid yet"), (2, expired, "expired")] {
        simulate(seed, async |world| {
            let (one, three) = (world.start(1), world.start_as(3, identity, place(3)));
            stay_apart(&one, &three).await;
            check_told(world, why, "its certificate is not good now: compare the clocks");
            three.quic.renew(&identities::identity(3)).expect("it is a good one");
            three.reaches(&one, HELLO_MAX + PAUSE_MAX).await;
            one.reaches(&three, HELLO_MAX + PAUSE_MAX).await;
        });
    }
}

fn vouched(cluster: &str, secret: &[u8]) -> Identity {
    let authority = Authority::of(cluster, secret).expect("a long secret");
    authority.vouch(NodeId(3), now()).expect("a certificate")
}

#[test]
fn other_clusters_are_refused() {
    let secret = vouched("here", b"another secret, long enough");
    let cluster = vouched("elsewhere", SECRET);
    for (seed, identity) in [(1, secret), (2, cluster)] {
        simulate(seed, async |world| {
            let (one, three) = (world.start(1), world.start_as(3, identity, place(3)));
            stay_apart(&one, &three).await;
            check_told(
                world,
                "invalid peer certificate",
                "it has another secret, or is of another cluster",
            );
        });
    }
}

#[test]
fn nobody_is_taken_for_another_node() {
    simulate(1, async |world| {
        // Node 4 sits where node 3 is said to be.
        let (one, three) = (world.start(1), world.start_as(3, identities::identity(4), place(3)));
        for _ in 0..50 {
            one.say(3, Class::Usual);
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(three.heard.count(), 0);
        let told = ["not connected peer=3 address=\"10.0.0.3:4100\"", "somebody else is there"];
        assert!(world.trace.count(&told) > 0);
    });
}
