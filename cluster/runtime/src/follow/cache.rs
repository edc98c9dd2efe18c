//! Answers that are still true.

use std::collections::BTreeMap;

use bytes::Bytes;
use cluster::request::{Answer, Request};
use cluster::slots::ShardId;
use cluster::stream::Mark;
use entity::registry::Outcome;
use entity::{Address, Caller};

/// Most bytes of questions and answers that are kept. Above half of it, those are forgotten first that
/// nobody has asked for again.
pub(crate) const CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What an entry takes besides question and answer, in bytes, roughly.
const ENTRY_BYTES: usize = 200;

/// A question to an entity.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Question {
    pub(crate) to: Address,
    pub(crate) caller: Caller,
    pub(crate) tag: u16,
    pub(crate) body: Bytes,
}

impl Question {
    /// What a request asks.
    pub(crate) fn of(request: &Request) -> Self {
        let Request { to, caller, tag, body, .. } = request.clone();
        Self { to, caller, tag, body }
    }
}

/// An answer that is on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ticket(u64);

/// Answers, until the entity that gave them changes.
#[derive(Default)]
pub(crate) struct Cache {
    young: Half,
    old: Half,
    tickets: u64,
}

#[derive(Default)]
struct Half {
    entries: BTreeMap<(ShardId, Mark), BTreeMap<Question, Entry>>,
    bytes: usize,
}

#[derive(Clone)]
struct Entry {
    ticket: Ticket,
    /// How often something had been missed of the shard when it was asked.
    breaks: u64,
    answer: Option<Outcome>,
}

impl Cache {
    /// The answer to a question, if nothing was missed of the shard since.
    pub(crate) fn get(
        &mut self,
        shard: ShardId,
        question: &Question,
        breaks: u64,
    ) -> Option<Answer> {
        let place = (shard, Mark::of(&question.to));
        let entry = if let Some(entry) = self.young.find(place, question) {
            entry
        } else {
            let entry = self.old.take(place, question)?;
            self.put(place, question.clone(), entry.clone());
            entry
        };
        entry.answer.filter(|_| entry.breaks == breaks).map(Answer::Outcome)
    }

    /// A question is asked: its answer may be kept if the entity does not change until it comes.
    pub(crate) fn begin(&mut self, shard: ShardId, question: Question, breaks: u64) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let place = (shard, Mark::of(&question.to));
        self.old.take(place, &question);
        self.put(place, question, Entry { ticket, breaks, answer: None });
        ticket
    }

    /// The answer has come.
    pub(crate) fn end(
        &mut self,
        shard: ShardId,
        question: &Question,
        (ticket, breaks): (Ticket, u64),
        answer: &Answer,
    ) {
        let place = (shard, Mark::of(&question.to));
        let Some(entry) = self.young.take(place, question).or(self.old.take(place, question))
        else {
            return;
        };
        if let Answer::Outcome(outcome) = answer
            && entry.ticket == ticket
            && entry.breaks == breaks
        {
            let answer = Some(outcome.clone());
            self.put(place, question.clone(), Entry { answer, ..entry });
        }
    }

    /// Entities have changed.
    pub(crate) fn forget(&mut self, shard: ShardId, changed: &[Mark]) {
        for mark in changed {
            self.young.forget((shard, *mark));
            self.old.forget((shard, *mark));
        }
    }

    fn put(&mut self, place: (ShardId, Mark), question: Question, entry: Entry) {
        let max = probe::knob!(CacheBytes, CACHE_BYTES_MAX);
        if self.young.bytes + bytes(&question, &entry) > max / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.put(place, question, entry);
    }
}

impl Half {
    fn find(&self, place: (ShardId, Mark), question: &Question) -> Option<Entry> {
        self.entries.get(&place)?.get(question).cloned()
    }

    fn put(&mut self, place: (ShardId, Mark), question: Question, entry: Entry) {
        self.take(place, &question);
        self.bytes += bytes(&question, &entry);
        self.entries.entry(place).or_default().insert(question, entry);
    }

    fn take(&mut self, place: (ShardId, Mark), question: &Question) -> Option<Entry> {
        let entries = self.entries.get_mut(&place)?;
        let entry = entries.remove(question)?;
        if entries.is_empty() {
            self.entries.remove(&place);
        }
        self.bytes -= bytes(question, &entry);
        Some(entry)
    }

    fn forget(&mut self, place: (ShardId, Mark)) {
        for (question, entry) in self.entries.remove(&place).unwrap_or_default() {
            self.bytes -= bytes(&question, &entry);
        }
    }
}

fn bytes(question: &Question, entry: &Entry) -> usize {
    let answer = match &entry.answer {
        Some(Outcome::Reply(bytes) | Outcome::Refusal(bytes)) => bytes.len(),
        None => 0,
    };
    ENTRY_BYTES + question.to.key.len() + question.body.len() + answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardId = ShardId(1);

    fn question(key: &str) -> Question {
        let to = Address { kind: 1, key: key.into() };
        Question { to, caller: Caller::Anyone, tag: 1, body: Bytes::new() }
    }

    fn answer(bytes: usize) -> Answer {
        Answer::Outcome(Outcome::Reply(vec![0; bytes].into()))
    }

    fn keep(cache: &mut Cache, key: &str, bytes: usize) {
        let ticket = cache.begin(SHARD, question(key), 0);
        cache.end(SHARD, &question(key), (ticket, 0), &answer(bytes));
    }

    fn change(cache: &mut Cache, key: &str) {
        cache.forget(SHARD, &[Mark::of(&question(key).to)]);
    }

    #[test]
    fn an_answer_is_kept_until_its_entity_changes() {
        let mut cache = Cache::default();
        keep(&mut cache, "a", 1);
        keep(&mut cache, "b", 1);
        change(&mut cache, "b");
        assert_eq!(cache.get(SHARD, &question("a"), 0), Some(answer(1)));
        assert_eq!(cache.get(SHARD, &question("b"), 0), None);
        assert_eq!(cache.get(ShardId(2), &question("a"), 0), None);
        assert_eq!(cache.get(SHARD, &question("a"), 1), None, "something was missed since");
    }

    #[test]
    fn an_answer_that_may_be_older_than_a_change_is_not_kept() {
        let mut cache = Cache::default();
        let ticket = cache.begin(SHARD, question("a"), 0);
        change(&mut cache, "a");
        cache.end(SHARD, &question("a"), (ticket, 0), &answer(1));
        assert_eq!(cache.get(SHARD, &question("a"), 0), None);

        let first = cache.begin(SHARD, question("a"), 0);
        change(&mut cache, "a");
        let second = cache.begin(SHARD, question("a"), 0);
        cache.end(SHARD, &question("a"), (first, 0), &answer(1));
        assert_eq!(cache.get(SHARD, &question("a"), 0), None, "it belongs to the first");
        assert_ne!(first, second);

        let ticket = cache.begin(SHARD, question("a"), 0);
        cache.end(SHARD, &question("a"), (ticket, 1), &answer(1));
        assert_eq!(cache.get(SHARD, &question("a"), 1), None, "something was missed meanwhile");
    }

    #[test]
    fn it_stays_within_its_bytes_and_forgets_what_is_not_asked_for() {
        let mut cache = Cache::default();
        for n in 0..200 {
            keep(&mut cache, &n.to_string(), 1_000_000);
            assert!(cache.young.bytes + cache.old.bytes <= CACHE_BYTES_MAX);
            assert!(n < 1 || cache.get(SHARD, &question("1"), 0).is_some(), "asked for each time");
        }
        assert_eq!(cache.get(SHARD, &question("2"), 0), None);
        (0..200).for_each(|n| change(&mut cache, &n.to_string()));
        assert_eq!((cache.young.bytes, cache.old.bytes), (0, 0));
        assert!(cache.young.entries.is_empty() && cache.old.entries.is_empty());
    }
}
