//! Answers wait until all that they saw is durable.

use std::collections::VecDeque;

use crate::request::Answer;

/// An answer on its way out.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: u64,
    pub(super) answer: Answer,
    /// Whether it tells of an effect of its own, whose fate is unknown until it leaves.
    pub(super) effect: bool,
}

/// Answers that wait for a record, and answers that wait for a barrier because nothing is in flight.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// By the record that must commit first; records rise from front to back.
    by_record: VecDeque<(u64, Waiting)>,
    /// The barrier that is under way, and the answers it covers.
    under_way: Option<(u64, Vec<Waiting>)>,
    /// A barrier proves nothing about what was asked after it began: these wait for the next one.
    next_barrier: Vec<Waiting>,
}

impl Answers {
    /// Holds an answer back until the record `sequence` has committed.
    pub(super) fn after(&mut self, sequence: u64, waiting: Waiting) {
        self.by_record.push_back((sequence, waiting));
    }

    /// Holds an answer back until a barrier that begins later has held.
    pub(super) fn after_barrier(&mut self, waiting: Waiting) {
        self.next_barrier.push(waiting);
    }

    /// What may leave now that `sequence` has committed.
    pub(super) fn committed(&mut self, sequence: u64) -> impl Iterator<Item = Waiting> {
        let count = self.by_record.partition_point(|(record, _)| *record <= sequence);
        self.by_record.drain(..count).map(|(_, waiting)| waiting)
    }

    /// Whether a barrier has to begin.
    pub(super) fn wants_barrier(&self) -> bool {
        self.under_way.is_none() && !self.next_barrier.is_empty()
    }

    /// A barrier begins: it covers all that wait for one.
    pub(super) fn begin_barrier(&mut self, ticket: u64) {
        self.under_way = Some((ticket, std::mem::take(&mut self.next_barrier)));
    }

    /// Whether a barrier is the one under way.
    pub(super) fn awaits(&self, ticket: u64) -> bool {
        self.under_way.as_ref().is_some_and(|(under_way, _)| *under_way == ticket)
    }

    /// What may leave now that the barrier under way has held.
    pub(super) fn barrier_held(&mut self) -> Vec<Waiting> {
        self.under_way.take().map(|(_, covered)| covered).unwrap_or_default()
    }

    /// Takes everything out: by record with its number, the others with none.
    pub(super) fn drain(&mut self) -> Vec<(Option<u64>, Waiting)> {
        let by_record = self.by_record.drain(..).map(|(sequence, it)| (Some(sequence), it));
        let under_way = self.under_way.take().map(|(_, covered)| covered).unwrap_or_default();
        let by_barrier = under_way.into_iter().chain(self.next_barrier.drain(..));
        by_record.chain(by_barrier.map(|it| (None, it))).collect()
    }
}
