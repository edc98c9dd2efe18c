//! The receiving end of links.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::stored::LinkIn;
use crate::envelope::Envelope;
use crate::slots::ShardId;

/// How far each link has been handled, and what has arrived and is next.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    links: BTreeMap<ShardId, Link>,
    /// Links that the open record handles further.
    advanced: BTreeSet<ShardId>,
}

#[derive(Debug, Default)]
struct Link {
    position: LinkIn,
    /// Number of the last envelope whose handling has committed.
    committed: u64,
    pending: VecDeque<Envelope>,
    /// Whether the link stands in line to be handled.
    queued: bool,
    /// Whether something has arrived since the last acknowledgement that was repeated.
    is_heard: bool,
}

/// What became of an envelope that arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrival {
    /// It is kept, and the link has to be put in line.
    Queue,
    /// It is kept.
    Kept,
    /// It was handled before: the sender has missed an acknowledgement.
    Repeated,
    /// One before it is missing, or too much waits: the sender sends it again.
    Ignored,
}

impl Inbox {
    /// Where a link stood when the shard was taken over.
    pub(super) fn load(&mut self, from: ShardId, position: LinkIn) {
        let link = self.links.entry(from).or_default();
        (link.position, link.committed) = (position, position.handled);
    }

    /// The handling of all envelopes up to `number` has committed.
    pub(super) fn note_committed(&mut self, from: ShardId, number: u64) {
        let link = self.links.get_mut(&from).expect("it was handled");
        link.committed = link.committed.max(number);
    }

    /// Number of the last envelope whose handling has committed.
    pub(super) fn committed(&self, from: ShardId) -> u64 {
        self.links.get(&from).map_or(0, |link| link.committed)
    }

    /// The sender is led elsewhere than was thought: what it is told again, once until it is heard again.
    pub(super) fn redirected(&mut self, from: ShardId) -> Option<u64> {
        let link = self.links.get_mut(&from)?;
        let is_owed = std::mem::take(&mut link.is_heard) && link.committed > 0;
        is_owed.then_some(link.committed)
    }

    /// Takes an envelope if it is the next one.
    pub(super) fn arrive(&mut self, from: ShardId, envelope: Envelope, window: usize) -> Arrival {
        let link = self.links.entry(from).or_default();
        link.is_heard = true;
        let next = link.position.handled + link.pending.len() as u64 + 1;
        if envelope.number <= link.position.handled {
            return Arrival::Repeated;
        }
        let is_next =
            envelope.number == next || envelope.number > next && probe::mutant!(GapAccepted);
        if !is_next || link.pending.len() >= window {
            return Arrival::Ignored;
        }
        link.pending.push_back(envelope);
        probe::bound!("envelopes of a link", link.pending.len(), window);
        if std::mem::replace(&mut link.queued, true) { Arrival::Kept } else { Arrival::Queue }
    }

    /// The message to be handled next, with its envelope: the envelope, and the message's number in
    /// it.
    pub(super) fn head(&self, from: ShardId) -> Option<(&Envelope, usize)> {
        let link = self.links.get(&from)?;
        let messages = usize::try_from(link.position.messages).expect("of an envelope in memory");
        link.pending.front().map(|envelope| (envelope, messages))
    }

    /// The message at the head has been handled.
    pub(super) fn advance(&mut self, from: ShardId) {
        let link = self.links.get_mut(&from).expect("it has a head");
        let envelope = link.pending.front().expect("it has a head");
        link.position.messages += 1;
        if link.position.messages >= envelope.messages() as u64 {
            link.position = LinkIn { handled: envelope.number, messages: 0 };
            link.pending.pop_front();
        }
        self.advanced.insert(from);
    }

    /// The link has nothing more to be handled, or stands elsewhere.
    pub(super) fn leave_line(&mut self, from: ShardId) {
        self.links.get_mut(&from).expect("it stood in line").queued = false;
    }

    /// Number of the last envelope handled to its end.
    pub(super) fn handled(&self, from: ShardId) -> u64 {
        self.links.get(&from).map_or(0, |link| link.position.handled)
    }

    /// Where the links stand that the open record handled further.
    pub(super) fn take_advanced(&mut self) -> Vec<(ShardId, LinkIn)> {
        let advanced = std::mem::take(&mut self.advanced);
        advanced.into_iter().map(|from| (from, self.links[&from].position)).collect()
    }
}
