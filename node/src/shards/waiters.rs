//! Who waits for which answer.

use std::collections::BTreeMap;

use cluster::request::{Answer, Failure};
use cluster::sender::Sent;
use tokio::sync::oneshot;

/// Tickets that an executor has, and whom its answers are for.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    last: u64,
    tickets: BTreeMap<u64, Waiter>,
    groups: BTreeMap<u64, Group>,
}

#[derive(Debug)]
enum Waiter {
    /// A command, and the name that roost gave it.
    Command(oneshot::Sender<Answer>, Option<Sent>),
    /// A question of a group, and its place there.
    Question { group: u64, index: usize },
}

/// Questions that are answered together.
#[derive(Debug)]
struct Group {
    answers: Vec<Answer>,
    left: usize,
    sender: oneshot::Sender<Vec<Answer>>,
}

impl Waiters {
    /// Someone waits for a command.
    pub(super) fn command(&mut self, sender: oneshot::Sender<Answer>, sent: Option<Sent>) -> u64 {
        self.add(Waiter::Command(sender, sent))
    }

    /// Someone waits for `count` questions: a ticket for each.
    pub(super) fn questions(
        &mut self,
        count: usize,
        sender: oneshot::Sender<Vec<Answer>>,
    ) -> Vec<u64> {
        let group = self.last + 1;
        let answers = vec![Answer::Failure(Failure::Moved); count];
        self.groups.insert(group, Group { answers, left: count, sender });
        (0..count).map(|index| self.add(Waiter::Question { group, index })).collect()
    }

    fn add(&mut self, waiter: Waiter) -> u64 {
        self.last += 1;
        self.tickets.insert(self.last, waiter);
        self.last
    }

    /// Hands an answer to whom it is for. Yields the name of the command, if roost gave it one.
    pub(super) fn answered(&mut self, ticket: u64, answer: Answer) -> Option<Sent> {
        match self.tickets.remove(&ticket)? {
            Waiter::Command(sender, sent) => {
                // Whoever asked may have gone.
                sender.send(answer).ok();
                sent
            }
            Waiter::Question { group, index } => {
                self.answer_question(group, index, answer);
                None
            }
        }
    }

    fn answer_question(&mut self, number: u64, index: usize, answer: Answer) {
        let Some(group) = self.groups.get_mut(&number) else { return };
        group.answers[index] = answer;
        group.left -= 1;
        if group.left == 0
            && let Some(group) = self.groups.remove(&number)
        {
            // Whoever asked may have gone.
            group.sender.send(group.answers).ok();
        }
    }
}
