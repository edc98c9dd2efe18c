//! Requests on their way to a shard, through several attempts.

use cluster::request::{Answer, Failure, Request, Verb};

/// Requests to one shard that are tried until each is settled, or time is up.
pub(crate) struct Open(Vec<Entry>);

struct Entry {
    request: Request,
    answer: Option<Answer>,
    /// Whether an attempt may still have an effect, or has had one that nobody told of.
    in_doubt: bool,
}

impl Open {
    /// Nothing is tried yet.
    pub(crate) fn new(requests: Vec<Request>) -> Self {
        let entry = |request| Entry { request, answer: None, in_doubt: false };
        Self(requests.into_iter().map(entry).collect())
    }

    /// What another attempt is for.
    pub(crate) fn unsettled(&self) -> Vec<Request> {
        let open = self.0.iter().filter(|it| !it.is_settled());
        open.map(|it| it.request.clone()).collect()
    }

    /// Whether nothing is left to try.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.iter().all(Entry::is_settled)
    }

    /// The answers to what was unsettled, in order. None: it may have arrived, nobody knows.
    pub(crate) fn answered(&mut self, answers: Option<Vec<Answer>>) {
        let open = self.0.iter_mut().filter(|it| !it.is_settled());
        match answers {
            Some(answers) => open.zip(answers).for_each(|(entry, answer)| entry.answered(answer)),
            None => open.for_each(|entry| entry.in_doubt = true),
        }
    }

    /// Time is up, or everything is settled: the answers in order.
    pub(crate) fn end(self) -> Vec<Answer> {
        probe::sometimes!(TimeUp, !self.is_settled());
        self.0.into_iter().map(Entry::end).collect()
    }
}

impl Entry {
    fn answered(&mut self, answer: Answer) {
        self.in_doubt |= answer == Answer::Failure(Failure::Unknown);
        self.answer = Some(answer);
    }

    /// Whether another attempt could not tell more.
    fn is_settled(&self) -> bool {
        match &self.answer {
            None | Some(Answer::Failure(Failure::Moved | Failure::Unknown)) => false,
            // An earlier attempt may wait where there was room.
            Some(Answer::Failure(Failure::Overloaded)) => !self.in_doubt,
            Some(Answer::Outcome(_) | Answer::Failure(_)) => true,
        }
    }

    fn end(self) -> Answer {
        let is_command = matches!(self.request.verb, Verb::Command(_));
        let answer = self.answer.unwrap_or(Answer::Failure(Failure::Moved));
        let Answer::Failure(failure) = answer else { return answer };
        Answer::Failure(if self.in_doubt && is_command && !is_always_so(&failure) {
            // What failed now may have succeeded before, or may succeed yet.
            Failure::Unknown
        } else if failure == Failure::Unknown {
            Failure::Moved
        } else {
            failure
        })
    }
}

/// Whether every attempt at the same request fails like this.
fn is_always_so(failure: &Failure) -> bool {
    match failure {
        Failure::NoSuchShard
        | Failure::Malformed
        | Failure::KeyReused
        | Failure::TooLong { .. } => true,
        Failure::Moved
        | Failure::Overloaded
        | Failure::Unknown
        | Failure::Expired
        | Failure::TooManyKeys
        | Failure::Limit(_)
        | Failure::Unreadable
        | Failure::Panicked
        | Failure::Quarantined
        | Failure::StorageFull => false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use cluster::request::{RequestId, Trace};
    use entity::registry::Outcome;
    use entity::{Address, Caller, Time};

    use super::*;

    fn command() -> Request {
        let id = RequestId::Inside { sender: 1, number: 1, birth: Time(1), acknowledged: 0 };
        Request {
            to: Address { kind: 1, key: Vec::new() },
            caller: Caller::Anyone,
            verb: Verb::Command(id),
            tag: 1,
            body: Bytes::new(),
            trace: Trace::default(),
        }
    }

    fn end(attempts: Vec<Option<Failure>>) -> (bool, Answer) {
        let mut open = Open::new(vec![command()]);
        for attempt in attempts {
            assert!(!open.is_settled(), "another attempt makes no sense");
            open.answered(attempt.map(|it| vec![Answer::Failure(it)]));
        }
        let is_settled = open.is_settled();
        (is_settled, open.end().remove(0))
    }

    #[test]
    fn what_never_arrived_is_safe_to_repeat() {
        let moved = Answer::Failure(Failure::Moved);
        assert_eq!(end(vec![]), (false, moved.clone()));
        assert_eq!(end(vec![Some(Failure::Moved)]), (false, moved));
        assert_eq!(
            end(vec![Some(Failure::Moved), Some(Failure::Overloaded)]),
            (true, Answer::Failure(Failure::Overloaded))
        );
    }

    #[test]
    fn what_may_have_arrived_stays_unknown() {
        let unknown = Answer::Failure(Failure::Unknown);
        for last in [Failure::Moved, Failure::Overloaded, Failure::Unknown] {
            assert_eq!(end(vec![None, Some(last)]), (false, unknown.clone()));
        }
        for last in [Failure::TooManyKeys, Failure::Panicked, Failure::Expired] {
            assert_eq!(end(vec![None, Some(last.clone())]), (true, unknown.clone()));
            assert_eq!(end(vec![Some(Failure::Unknown), Some(last)]), (true, unknown.clone()));
        }
    }

    #[test]
    fn what_is_always_so_is_said_even_in_doubt() {
        let malformed = Answer::Failure(Failure::Malformed);
        assert_eq!(end(vec![None, Some(Failure::Malformed)]), (true, malformed));
    }

    #[test]
    fn an_outcome_settles_it() {
        let mut open = Open::new(vec![command(), command()]);
        open.answered(None);
        let done = Answer::Outcome(Outcome::Reply(Bytes::new()));
        open.answered(Some(vec![done.clone(), Answer::Failure(Failure::Moved)]));
        assert_eq!(open.unsettled().len(), 1);
        assert_eq!(open.end(), [done, Answer::Failure(Failure::Unknown)]);
    }
}
