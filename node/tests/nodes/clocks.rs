//! Nodes whose clocks are wrong.

use std::sync::Arc;

use cluster::request::Answer;
use entity::Time;
use node::world;
use runtime::clock::Clock;

use super::rig::Nodes;
use super::tally::Add;

/// A clock that is so many microseconds ahead.
struct Ahead(i64);

impl Clock for Ahead {
    fn now(&self) -> Time {
        Time(world::now().0.saturating_add_signed(self.0))
    }
}

#[test]
fn whatever_the_clock_of_a_node_says_commands_are_taken() {
    let mut nodes = Nodes::new("clocks");
    nodes.add(10);
    for hours in [0, 1, -1, 24, -24] {
        // Of all shards.
        for tally in 100..110 {
            let clock = Arc::new(Ahead(hours * 3_600_000_000));
            let answer = nodes.once_by(clock, tally, &Add { n: 1, filler: Vec::new() });
            assert!(matches!(answer, Answer::Outcome(_)), "{hours} hours: {answer:?}");
        }
    }
    for tally in 100..110 {
        assert_eq!(nodes.sum(1, tally), Ok(5));
    }
    nodes.stop_all();
}
