//! What clients asked of one thing, and what they were told.

use std::fmt;

use super::specification::Specification;

/// What clients asked of one thing, and what they were told, in the order in which it happened.
#[derive(Debug)]
pub struct History<S: Specification> {
    operations: Vec<Operation<S>>,
    /// Counts what has happened: nothing happens at the same moment as anything else.
    moment: u64,
}

/// What somebody asked, and was told.
#[derive(Debug)]
pub struct Operation<S: Specification> {
    /// Who.
    pub client: usize,
    /// What was asked.
    pub asked: S::Operation,
    /// The moment when it was.
    pub begun: u64,
    /// What was told, and when. None: nobody knows whether it was done, is, or will be.
    pub told: Option<(u64, Told<S::Reply>)>,
}

/// What somebody is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told<R> {
    /// It was done.
    Reply(R),
    /// It was refused, and changed nothing.
    Refusal,
}

/// An operation of a history.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place(usize);

impl<S: Specification> Default for History<S> {
    fn default() -> Self {
        Self { operations: Vec::new(), moment: 0 }
    }
}

impl<S: Specification> History<S> {
    /// Somebody asks something.
    pub fn begin(&mut self, client: usize, asked: S::Operation) -> Place {
        self.moment += 1;
        self.operations.push(Operation { client, asked, begun: self.moment, told: None });
        Place(self.operations.len() - 1)
    }

    /// Whoever asked is told. Who is told nothing stays in doubt: that ends nothing.
    pub fn end(&mut self, place: Place, told: Told<S::Reply>) {
        self.moment += 1;
        self.operations[place.0].told = Some((self.moment, told));
    }

    /// What was asked and told, in the order of asking.
    pub fn operations(&self) -> &[Operation<S>] {
        &self.operations
    }
}

impl<S: Specification> Operation<S> {
    /// The moment from which on nobody may see it undone.
    pub fn ended(&self) -> Option<u64> {
        self.told.as_ref().map(|(at, _)| *at)
    }
}

impl<S: Specification> Clone for Operation<S> {
    fn clone(&self) -> Self {
        let Self { client, asked, begun, told } = self;
        Self { client: *client, asked: asked.clone(), begun: *begun, told: told.clone() }
    }
}

impl<S: Specification> fmt::Display for Operation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, asked, begun, told } = self;
        write!(f, "client {client} from {begun} ")?;
        match told {
            Some((at, Told::Reply(reply))) => write!(f, "to {at}: {asked:?} came to {reply:?}"),
            Some((at, Told::Refusal)) => write!(f, "to {at}: {asked:?} was refused"),
            None => write!(f, "on: {asked:?} was never answered"),
        }
    }
}
