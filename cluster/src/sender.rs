//! Names for commands that roost itself sends, and what of them is acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use entity::Time;

use crate::request::RequestId;
use crate::slots::ShardId;

/// Numbers the commands of one incarnation of a sender, per shard and without gaps.
///
/// A command keeps its name in every retry. A sender that starts again must have another
/// incarnation: it has forgotten its numbers.
#[derive(Debug)]
pub struct Sender {
    incarnation: u64,
    lines: BTreeMap<ShardId, Line>,
}

#[derive(Debug, Default)]
struct Line {
    last: u64,
    unanswered: BTreeSet<u64>,
}

/// A command that waits for its answer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Sent {
    shard: ShardId,
    number: u64,
}

impl Sender {
    /// A sender whose incarnation nothing else has, nor had.
    pub fn new(incarnation: u64) -> Self {
        Self { incarnation, lines: BTreeMap::new() }
    }

    /// Names the next command to a shard.
    pub fn name(&mut self, shard: ShardId, now: Time) -> (Sent, RequestId) {
        let line = self.lines.entry(shard).or_default();
        line.last += 1;
        line.unanswered.insert(line.last);
        let first = line.unanswered.first().expect("just inserted");
        let id = RequestId::Inside {
            sender: self.incarnation,
            number: line.last,
            birth: now,
            acknowledged: first - 1,
        };
        (Sent { shard, number: line.last }, id)
    }

    /// The answer to a command is known, or will never be asked for again.
    pub fn answered(&mut self, sent: Sent) {
        if let Some(line) = self.lines.get_mut(&sent.shard) {
            line.unanswered.remove(&sent.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_answers_are_known_of_is_acknowledged() {
        let mut sender = Sender::new(7);
        let named = |sender: &mut Sender| {
            let (sent, id) = sender.name(ShardId(1), Time(5));
            let RequestId::Inside { number, acknowledged, .. } = id else { panic!() };
            (sent, number, acknowledged)
        };
        let (first, ..) = named(&mut sender);
        let (second, ..) = named(&mut sender);
        sender.answered(second);
        assert_eq!(named(&mut sender).1, 3);
        assert_eq!(named(&mut sender).2, 0, "the first one is not answered");
        sender.answered(first);
        assert_eq!(named(&mut sender).2, 2);
    }
}
