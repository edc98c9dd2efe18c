//! Names for commands that roost itself sends, and what of them is acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use entity::Time;

use crate::limits::SENDER_WINDOW;
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

    /// Names the next command to a shard; none while so many wait for answers that the shard would refuse
    /// it, however often it were sent: a name says for ever what was acknowledged when it was given.
    pub fn name(&mut self, shard: ShardId, now: Time) -> Option<(Sent, RequestId)> {
        let line = self.lines.entry(shard).or_default();
        let number = line.last + 1;
        let acknowledged = line.unanswered.first().map_or(line.last, |first| first - 1);
        if number - acknowledged > probe::knob!(SenderWindow, SENDER_WINDOW) {
            return None;
        }
        line.last = number;
        line.unanswered.insert(number);
        let id = RequestId::Inside { sender: self.incarnation, number, birth: now, acknowledged };
        Some((Sent { shard, number }, id))
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
            let (sent, id) = sender.name(ShardId(1), Time(5)).expect("few wait");
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

    #[test]
    fn whoever_waits_for_too_many_answers_names_nothing_more() {
        let mut sender = Sender::new(7);
        let mut name = || sender.name(ShardId(1), Time(5));
        let sent: Vec<_> = (0..SENDER_WINDOW).map(|_| name().expect("there is room").0).collect();
        assert_eq!(name(), None);
        let mut answer = |at: usize| {
            sender.answered(sent[at]);
            sender.name(ShardId(1), Time(5)).is_some()
        };
        assert!(!answer(1), "the first one is not answered");
        assert!(answer(0));
    }
}
