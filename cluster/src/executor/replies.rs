//! Replies to commands of ours: those that a node made, numbered per sender.
//!
//! All of them are in memory, so that a command is looked up without reading anything. They are kept
//! until the sender says that it knows them, or until no repeat could be executed any more. How far
//! a sender has acknowledged is stored with the removals: a repeat that was long on its way must not
//! be taken for new by the next activation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use entity::registry::Outcome;
use entity::{Key, Time};

use super::stored::Reply;
use crate::limits::{INSIDE_KEPT, INSIDE_LASTING, SENDER_WINDOW, SKEW_MAX};
use crate::record::Write;
use crate::slots::Slot;
use crate::storage;

/// Replies by sender and number.
#[derive(Debug, Default)]
pub(super) struct Replies {
    senders: BTreeMap<u64, Sender>,
    /// When each reply was made, oldest first.
    by_age: VecDeque<(Time, u64, u64)>,
    /// Senders that acknowledged more than is stored.
    acknowledged: BTreeSet<u64>,
    /// Rows of replies that nobody needs, to be removed by the next record.
    removals: Vec<Bytes>,
}

#[derive(Debug, Default)]
struct Sender {
    acknowledged: u64,
    /// When it was last heard of, by the clock of the shard.
    heard: Time,
    /// Replies from number `acknowledged + 1` on.
    replies: VecDeque<Option<(Slot, Outcome)>>,
}

/// What is known about a command that arrived.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Known {
    /// Nothing: execute it.
    New,
    /// It was handled; this came of it.
    Handled(Outcome),
    /// It may have been handled, and what came of it is forgotten.
    Forgotten,
    /// The sender has too many commands that it has not acknowledged.
    TooMany,
}

impl Replies {
    /// Looks a command up.
    pub(super) fn look_up(&self, sender: u64, number: u64, birth: Time, now: Time) -> Known {
        let acknowledged = self.senders.get(&sender).map_or(0, |sender| sender.acknowledged);
        if number <= acknowledged {
            probe::sometimes!(TwinTooLate);
            return Known::Forgotten;
        }
        if let Some(Some((_, outcome))) = self.slot(sender, number) {
            probe::sometimes!(TwinAnswered);
            return Known::Handled(outcome.clone());
        }
        if probe::mutant!(HighestCounts)
            && let Some(outcome) = self.highest(sender, number)
        {
            return Known::Handled(outcome);
        }
        if now > birth + INSIDE_LASTING || birth > now + SKEW_MAX {
            return Known::Forgotten;
        }
        if number - acknowledged > probe::knob!(SenderWindow, SENDER_WINDOW) {
            Known::TooMany
        } else {
            Known::New
        }
    }

    fn slot(&self, sender: u64, number: u64) -> Option<&Option<(Slot, Outcome)>> {
        let sender = self.senders.get(&sender)?;
        let index = number.checked_sub(sender.acknowledged + 1)?;
        sender.replies.get(usize::try_from(index).ok()?)
    }

    /// The reply to a later command of a sender than this one: for a mutant.
    fn highest(&self, sender: u64, number: u64) -> Option<Outcome> {
        let kept = self.senders.get(&sender)?;
        let later = usize::try_from(number.checked_sub(kept.acknowledged)?).ok()?;
        kept.replies.iter().skip(later).flatten().last().map(|(_, outcome)| outcome.clone())
    }

    /// Keeps a reply, and yields the row for it.
    pub(super) fn keep(
        &mut self,
        (sender, number): (u64, u64),
        slot: Slot,
        now: Time,
        outcome: &Outcome,
    ) -> Write {
        self.insert((sender, number), slot, now, outcome.clone());
        let reply = Reply::encode(now, &[], outcome);
        Write { key: storage::reply_inside(slot, sender, number), value: Some(reply) }
    }

    /// Keeps a reply in memory only: that of an ephemeral entity, which forgets as well.
    pub(super) fn insert(
        &mut self,
        (sender, number): (u64, u64),
        slot: Slot,
        now: Time,
        outcome: Outcome,
    ) {
        let kept = self.senders.entry(sender).or_default();
        let index = number - kept.acknowledged - 1;
        let index = usize::try_from(index).expect("within the window");
        if kept.replies.len() <= index {
            kept.replies.resize(index + 1, None);
        }
        kept.replies[index] = Some((slot, outcome));
        kept.heard = now;
        self.by_age.push_back((now, sender, number));
    }

    /// The sender knows the answers of all numbers up to `number`.
    pub(super) fn acknowledge(&mut self, sender: u64, number: u64, now: Time) {
        if number == 0 {
            return;
        }
        let kept = self.senders.entry(sender).or_default();
        kept.heard = now;
        if number <= kept.acknowledged {
            return;
        }
        while kept.acknowledged < number {
            kept.acknowledged += 1;
            if let Some(Some((slot, _))) = kept.replies.pop_front() {
                self.removals.push(storage::reply_inside(slot, sender, kept.acknowledged));
            } else if kept.replies.is_empty() {
                kept.acknowledged = number;
            }
        }
        self.acknowledged.insert(sender);
    }

    /// Forgets replies whose commands could not be executed again anyway, and senders that have been
    /// silent as long.
    ///
    /// Yields whether something was forgotten. Then the shard's time must not be before `now` any
    /// more: what was too old by one clock must not be young again by another.
    #[must_use]
    pub(super) fn expire(&mut self, now: Time) -> bool {
        let mut has_expired = false;
        let kept =
            if probe::mutant!(RepliesShortlived) { Duration::from_secs(1) } else { INSIDE_KEPT };
        while self.by_age.front().is_some_and(|(at, ..)| now.since(*at) > kept) {
            let (_, sender, number) = self.by_age.pop_front().expect("just seen");
            has_expired = true;
            self.forget(sender, number);
            let Some(kept) = self.senders.get(&sender) else { continue };
            let is_silent = now.since(kept.heard) > INSIDE_KEPT;
            if is_silent && kept.replies.iter().all(Option::is_none) {
                self.senders.remove(&sender);
                self.acknowledged.remove(&sender);
                self.removals.push(storage::acknowledged(sender));
            }
        }
        has_expired
    }

    fn forget(&mut self, sender: u64, number: u64) {
        let Some(kept) = self.senders.get_mut(&sender) else { return };
        let Some(index) = number.checked_sub(kept.acknowledged + 1) else { return };
        let index = usize::try_from(index).expect("within the window");
        if let Some((slot, _)) = kept.replies.get_mut(index).and_then(Option::take) {
            self.removals.push(storage::reply_inside(slot, sender, number));
        }
    }

    /// How many rows could be removed.
    pub(super) fn removals(&self) -> usize {
        self.removals.len()
    }

    /// Rows to be removed by the next record, at most `limit`, and how far senders have acknowledged.
    pub(super) fn take_removals(&mut self, limit: usize) -> Vec<Write> {
        let count = limit.min(self.removals.len());
        let removed = self.removals.drain(..count).map(|key| Write { key, value: None });
        let mut writes: Vec<_> = removed.collect();
        for sender in std::mem::take(&mut self.acknowledged) {
            let value =
                Some(Bytes::copy_from_slice(&self.senders[&sender].acknowledged.to_be_bytes()));
            writes.push(Write { key: storage::acknowledged(sender), value });
        }
        writes
    }

    /// How far a sender had acknowledged when the shard was taken over. Comes before its replies.
    pub(super) fn load_acknowledged(&mut self, sender: u64, row: &[u8], now: Time) {
        let acknowledged = u64::from_bytes(row).expect("written by `take_removals`");
        let kept = self.senders.entry(sender).or_default();
        (kept.acknowledged, kept.heard) = (acknowledged, now);
        // Expires like a reply.
        self.by_age.push_back((now, sender, acknowledged));
    }

    /// A reply that was stored when the shard was taken over.
    pub(super) fn load(&mut self, slot: Slot, (sender, number): (u64, u64), row: &Bytes) {
        let reply = Reply::decode(row).expect("written by `keep`");
        let acknowledged = self.senders.get(&sender).map_or(0, |kept| kept.acknowledged);
        if number <= acknowledged {
            self.removals.push(storage::reply_inside(slot, sender, number));
            return;
        }
        self.insert((sender, number), slot, reply.at, reply.outcome);
    }

    /// After loading: oldest first.
    pub(super) fn sort_by_age(&mut self) {
        self.by_age.make_contiguous().sort_unstable();
    }
}
