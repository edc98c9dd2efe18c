//! The sending end of links.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use entity::Time;

use crate::envelope::Envelope;
use crate::limits::RESEND_AFTER;
use crate::record::Write;
use crate::slots::ShardId;
use crate::storage;

/// How long simulations wait at least that have envelopes sent again soon: each repeated one is acknowledged anew,
/// and if that repeated a whole window at once there would be more of them with every turn.
const SOON: Duration = Duration::from_millis(1);

/// Envelopes that are not acknowledged, by receiver.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    links: BTreeMap<ShardId, Link>,
    bytes: usize,
    /// Rows of acknowledged envelopes, to be removed by the next record.
    removals: Vec<Bytes>,
}

#[derive(Debug, Default)]
struct Link {
    /// Number of the last envelope made.
    last: u64,
    /// All are acknowledged up to this one.
    acknowledged: u64,
    /// All have been sent up to this one.
    sent: u64,
    /// All may be sent up to this one: their records have committed.
    committed: u64,
    /// Since when nothing has been acknowledged of what was sent.
    at: Time,
    /// Whether it was sent again because it had gone to the wrong node: not twice without any progress.
    is_redirected: bool,
    /// Those not acknowledged, in order.
    envelopes: VecDeque<(u64, Bytes)>,
}

impl Outbox {
    /// Bytes of all envelopes that are not acknowledged.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows could be removed.
    pub(super) fn removals(&self) -> usize {
        self.removals.len()
    }

    /// Number of the next envelope to a shard.
    pub(super) fn next_number(&self, to: ShardId) -> u64 {
        self.links.get(&to).map_or(0, |link| link.last) + 1
    }

    /// What the last envelope was when the shard was taken over.
    pub(super) fn load_last(&mut self, to: ShardId, last: u64) {
        let link = self.links.entry(to).or_default();
        link.last = last;
        if link.envelopes.is_empty() {
            (link.acknowledged, link.sent, link.committed) = (last, last, last);
        }
    }

    /// An envelope that was not known to be acknowledged when the shard was taken over.
    pub(super) fn load(&mut self, to: ShardId, number: u64, envelope: Bytes) {
        let link = self.links.entry(to).or_default();
        if link.envelopes.is_empty() {
            (link.acknowledged, link.sent) = (number - 1, number - 1);
        }
        link.committed = number;
        link.last = link.last.max(number);
        self.bytes += envelope.len();
        link.envelopes.push_back((number, envelope));
    }

    /// Keeps a new envelope, and yields the rows for it.
    pub(super) fn push(&mut self, to: ShardId, number: u64, envelope: Bytes) -> [Write; 2] {
        let link = self.links.entry(to).or_default();
        assert_eq!(number, link.last + 1, "numbers have no gaps");
        link.last = number;
        self.bytes += envelope.len();
        link.envelopes.push_back((number, envelope.clone()));
        let last = Bytes::copy_from_slice(&number.to_be_bytes());
        [
            Write { key: storage::outbox(to, number), value: Some(envelope) },
            Write { key: storage::link_out(to), value: Some(last) },
        ]
    }

    /// The record that holds an envelope has committed: it may leave.
    pub(super) fn committed(&mut self, to: ShardId, number: u64) {
        let link = self.links.get_mut(&to).expect("it was pushed");
        link.committed = link.committed.max(number);
    }

    /// The receiver has handled all envelopes up to `number`.
    pub(super) fn acknowledge(&mut self, to: ShardId, number: u64, now: Time) {
        let Some(link) = self.links.get_mut(&to) else { return };
        // What was never sent cannot have been handled.
        let number = number.min(link.committed);
        if number <= link.acknowledged {
            return;
        }
        link.acknowledged = number;
        link.sent = link.sent.max(number);
        (link.at, link.is_redirected) = (now, false);
        while link.envelopes.front().is_some_and(|(first, _)| *first <= number) {
            let (first, envelope) = link.envelopes.pop_front().expect("just seen");
            self.bytes -= envelope.len();
            self.removals.push(storage::outbox(to, first));
        }
    }

    /// The receiver is led elsewhere than was thought: what it has not acknowledged is sent again now.
    pub(super) fn redirected(&mut self, to: ShardId) {
        let Some(link) = self.links.get_mut(&to) else { return };
        if link.sent > link.acknowledged && !link.is_redirected {
            probe::sometimes!(EnvelopeRedirected);
            (link.sent, link.is_redirected) = (link.acknowledged, true);
        }
    }

    /// Envelopes that are to leave now: new ones within the window, and again those that have waited
    /// too long for an acknowledgement.
    pub(super) fn leaving(&mut self, now: Time, window: usize) -> Vec<(ShardId, Bytes)> {
        let mut leaving = Vec::new();
        for (to, link) in &mut self.links {
            // A clock that was set back must not make an envelope wait for the time it was set from.
            link.at = link.at.min(now);
            let waited = now.since(link.at);
            let is_due = waited >= resend_after() && !probe::mutant!(ResendForgotten);
            let is_soon =
                waited >= SOON && probe::buggify!(ResentSoon) || probe::mutant!(ResendHasty);
            if link.sent > link.acknowledged && (is_due || is_soon) {
                probe::sometimes!(EnvelopeResent);
                (link.sent, link.is_redirected) = (link.acknowledged, false);
            }
            let until = link.committed.min(link.acknowledged + window as u64);
            let new = link.envelopes.iter().filter(|(it, _)| (link.sent + 1..=until).contains(it));
            leaving.extend(new.map(|(_, envelope)| (*to, envelope.clone())));
            if until > link.sent {
                // The first one counts: whatever is sent behind it does not put off that it is repeated.
                if link.sent == link.acknowledged {
                    link.at = now;
                }
                link.sent = until;
            }
        }
        leaving
    }

    /// Envelopes behind number `handled`, as they were when the shard was taken over.
    pub(super) fn unhandled(&self, to: ShardId, handled: u64) -> Vec<Envelope> {
        let Some(link) = self.links.get(&to) else { return Vec::new() };
        let waiting = link.envelopes.iter().filter(|(number, _)| *number > handled);
        waiting.map(|(_, bytes)| Envelope::open(bytes).expect("sealed by this shard")).collect()
    }

    /// When something has to be sent again, if nothing is acknowledged until then.
    pub(super) fn next_resend(&self) -> Option<Time> {
        let waiting = self.links.values().filter(|link| link.sent > link.acknowledged);
        waiting.map(|link| link.at + resend_after()).min()
    }

    /// Rows to be removed by the next record, at most `limit`.
    pub(super) fn take_removals(&mut self, limit: usize) -> Vec<Write> {
        let count = limit.min(self.removals.len());
        self.removals.drain(..count).map(|key| Write { key, value: None }).collect()
    }
}

pub(super) fn resend_after() -> Duration {
    probe::knob!(ResendAfter, RESEND_AFTER)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TO: ShardId = ShardId(1);

    fn at(millis: u64) -> Time {
        Time(0) + Duration::from_millis(1_000 + millis)
    }

    /// Sends one more, and yields the numbers of all that leave with it.
    fn send(outbox: &mut Outbox, millis: u64) -> Vec<u64> {
        let number = outbox.next_number(TO);
        outbox.push(TO, number, Bytes::copy_from_slice(&number.to_be_bytes()));
        outbox.committed(TO, number);
        leaving(outbox, millis)
    }

    fn leaving(outbox: &mut Outbox, millis: u64) -> Vec<u64> {
        let number = |(_, bytes): (ShardId, Bytes)| {
            u64::from_be_bytes(bytes[..].try_into().expect("a number"))
        };
        outbox.leaving(at(millis), 64).into_iter().map(number).collect()
    }

    #[test]
    fn what_is_lost_is_sent_again_however_much_comes_behind_it() {
        let outbox = &mut Outbox::default();
        assert_eq!(send(outbox, 0), [1]);
        assert_eq!(send(outbox, 200), [2]);
        assert_eq!(send(outbox, 400), [3]);
        assert_eq!(outbox.next_resend(), Some(at(500)));
        assert_eq!(send(outbox, 500), [1, 2, 3, 4]);
        outbox.acknowledge(TO, 2, at(700));
        assert_eq!(send(outbox, 1_100), [5]);
        assert_eq!(leaving(outbox, 1_200), [3, 4, 5]);
        outbox.acknowledge(TO, 5, at(1_300));
        outbox.redirected(TO);
        assert_eq!(leaving(outbox, 1_300), [0; 0]);
        assert_eq!(send(outbox, 9_000), [6]);
        assert_eq!(leaving(outbox, 9_400), [0; 0]);
    }

    #[test]
    fn what_went_to_the_wrong_node_is_sent_again_at_once_and_then_when_it_is_due() {
        let outbox = &mut Outbox::default();
        assert_eq!((send(outbox, 0), send(outbox, 1)), (vec![1], vec![2]));
        outbox.redirected(TO);
        assert_eq!(leaving(outbox, 2), [1, 2]);
        outbox.redirected(TO);
        assert_eq!(leaving(outbox, 3), [0; 0], "whoever is sent in circles waits");
        outbox.acknowledge(TO, 1, at(4));
        outbox.redirected(TO);
        assert_eq!(leaving(outbox, 5), [2]);
        assert_eq!(leaving(outbox, 505), [2]);
        outbox.redirected(TO);
        assert_eq!(leaving(outbox, 506), [2]);
    }
}
