//! Answers that are still true.

use std::collections::BTreeMap;

use bytes::Bytes;
use cluster::request::{Answer, Request};
use cluster::slots::ShardId;
use cluster::stream::Mark;
use entity::registry::Outcome;
use entity::{Address, Caller};
use tokio::sync::oneshot;

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

struct Entry {
    ticket: Ticket,
    /// The session with its shard when it was asked: nothing was missed as long as that goes on.
    session: u64,
    state: State,
}

enum State {
    /// It is on its way, and these wait for it.
    Coming(Vec<oneshot::Sender<Outcome>>),
    Here(Outcome),
}

/// What there is of an answer.
#[derive(Debug)]
pub(crate) enum Found {
    /// All of it.
    Here(Outcome),
    /// It is on its way. Nothing comes if it may not be kept.
    Coming(oneshot::Receiver<Outcome>),
}

impl Cache {
    /// The answer to a question, if nothing was missed of the shard since.
    pub(crate) fn get(
        &mut self,
        shard: ShardId,
        question: &Question,
        session: u64,
    ) -> Option<Found> {
        let place = (shard, Mark::of(&question.to));
        if let Some(entry) = self.old.take(place, question) {
            self.put(place, question.clone(), entry);
        }
        let entry = self.young.find(place, question).filter(|it| it.session == session)?;
        Some(match &mut entry.state {
            State::Here(outcome) => Found::Here(outcome.clone()),
            State::Coming(waiting) => {
                let (sender, receiver) = oneshot::channel();
                waiting.push(sender);
                Found::Coming(receiver)
            }
        })
    }

    /// A question is asked: its answer may be kept if the entity does not change until it comes.
    pub(crate) fn begin(&mut self, shard: ShardId, question: Question, session: u64) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let place = (shard, Mark::of(&question.to));
        self.old.take(place, &question);
        self.put(place, question, Entry { ticket, session, state: State::Coming(Vec::new()) });
        ticket
    }

    /// The answer has come, or does not. `session`: the one with its shard now, none if something may be
    /// missing.
    pub(crate) fn end(
        &mut self,
        shard: ShardId,
        question: &Question,
        (ticket, session): (Ticket, Option<u64>),
        answer: Option<&Answer>,
    ) {
        let place = (shard, Mark::of(&question.to));
        let is_it = |it: &Entry| it.ticket == ticket;
        let held = self.young.take_if(place, question, is_it);
        let Some(entry) = held.or_else(|| self.old.take_if(place, question, is_it)) else { return };
        let (Some(Answer::Outcome(outcome)), State::Coming(waiting)) = (answer, entry.state) else {
            return;
        };
        if let Some(session) = session.filter(|it| *it == entry.session) {
            for sender in waiting {
                // Whoever waited may have gone.
                sender.send(outcome.clone()).ok();
            }
            let state = State::Here(outcome.clone());
            self.put(place, question.clone(), Entry { ticket, session, state });
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
    fn find(&mut self, place: (ShardId, Mark), question: &Question) -> Option<&mut Entry> {
        self.entries.get_mut(&place)?.get_mut(question)
    }

    fn put(&mut self, place: (ShardId, Mark), question: Question, entry: Entry) {
        self.take(place, &question);
        self.bytes += bytes(&question, &entry);
        self.entries.entry(place).or_default().insert(question, entry);
    }

    fn take(&mut self, place: (ShardId, Mark), question: &Question) -> Option<Entry> {
        self.take_if(place, question, |_| true)
    }

    fn take_if(
        &mut self,
        place: (ShardId, Mark),
        question: &Question,
        is_it: impl Fn(&Entry) -> bool,
    ) -> Option<Entry> {
        let entries = self.entries.get_mut(&place)?;
        entries.get(question).filter(|it| is_it(it))?;
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
    let answer = match &entry.state {
        State::Here(Outcome::Reply(bytes) | Outcome::Refusal(bytes)) => bytes.len(),
        State::Coming(_) => 0,
    };
    ENTRY_BYTES + question.to.key.len() + question.body.len() + answer
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

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
        cache.end(SHARD, &question(key), (ticket, Some(0)), Some(&answer(bytes)));
    }

    fn kept(cache: &mut Cache, key: &str, session: u64) -> Option<Answer> {
        match cache.get(SHARD, &question(key), session)? {
            Found::Here(outcome) => Some(Answer::Outcome(outcome)),
            Found::Coming(_) => None,
        }
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
        assert_eq!(kept(&mut cache, "a", 0), Some(answer(1)));
        assert_eq!(kept(&mut cache, "b", 0), None);
        assert!(cache.get(ShardId(2), &question("a"), 0).is_none());
        assert_eq!(kept(&mut cache, "a", 1), None, "something was missed since");
    }

    #[test]
    fn an_answer_that_may_be_older_than_a_change_is_not_kept() {
        let mut cache = Cache::default();
        let ticket = cache.begin(SHARD, question("a"), 0);
        change(&mut cache, "a");
        cache.end(SHARD, &question("a"), (ticket, Some(0)), Some(&answer(1)));
        assert_eq!(kept(&mut cache, "a", 0), None);

        let first = cache.begin(SHARD, question("a"), 0);
        change(&mut cache, "a");
        let second = cache.begin(SHARD, question("a"), 0);
        cache.end(SHARD, &question("a"), (first, Some(0)), Some(&answer(1)));
        assert_eq!(kept(&mut cache, "a", 0), None, "it belongs to the first");
        cache.end(SHARD, &question("a"), (second, Some(0)), Some(&answer(2)));
        assert_eq!(kept(&mut cache, "a", 0), Some(answer(2)));

        let ticket = cache.begin(SHARD, question("a"), 0);
        cache.end(SHARD, &question("a"), (ticket, Some(1)), Some(&answer(1)));
        assert_eq!(kept(&mut cache, "a", 1), None, "something was missed meanwhile");
    }

    #[test]
    fn it_stays_within_its_bytes_and_forgets_what_is_not_asked_for() {
        let mut cache = Cache::default();
        for n in 0..200 {
            keep(&mut cache, &n.to_string(), 1_000_000);
            assert!(cache.young.bytes + cache.old.bytes <= CACHE_BYTES_MAX);
            assert!(n < 1 || kept(&mut cache, "1", 0).is_some(), "asked for each time");
        }
        assert_eq!(kept(&mut cache, "2", 0), None);
        (0..200).for_each(|n| change(&mut cache, &n.to_string()));
        assert_eq!((cache.young.bytes, cache.old.bytes), (0, 0));
        assert!(cache.young.entries.is_empty() && cache.old.entries.is_empty());
    }

    #[test]
    fn whoever_asks_the_same_meanwhile_waits_for_the_answer() {
        let mut cache = Cache::default();
        let wait = |cache: &mut Cache| match cache.get(SHARD, &question("a"), 0) {
            Some(Found::Coming(answer)) => answer,
            found => panic!("{found:?}"),
        };
        let ticket = cache.begin(SHARD, question("a"), 0);
        let (mut first, mut second) = (wait(&mut cache), wait(&mut cache));
        cache.end(SHARD, &question("a"), (ticket, Some(0)), Some(&answer(1)));
        assert_eq!(first.try_recv().map(Answer::Outcome), Ok(answer(1)));
        assert_eq!(second.try_recv().map(Answer::Outcome), Ok(answer(1)));

        // Nothing comes that is not kept: the entity has changed, or whoever asked has gone.
        change(&mut cache, "a");
        let ticket = cache.begin(SHARD, question("a"), 0);
        let mut changed = wait(&mut cache);
        change(&mut cache, "a");
        cache.end(SHARD, &question("a"), (ticket, Some(0)), Some(&answer(1)));
        assert_eq!(changed.try_recv(), Err(TryRecvError::Closed));
        let ticket = cache.begin(SHARD, question("a"), 0);
        let mut given_up = wait(&mut cache);
        cache.end(SHARD, &question("a"), (ticket, Some(0)), None);
        assert_eq!(given_up.try_recv(), Err(TryRecvError::Closed));
        assert!(cache.get(SHARD, &question("a"), 0).is_none());
    }
}
