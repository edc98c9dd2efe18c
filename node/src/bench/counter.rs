//! What is measured with: the smallest entity that keeps something.

use entity::kind::Kind;
use entity::{Command, Context, Entity, Handle, Never, Query, data};

/// The family of counters.
#[derive(Debug)]
pub(super) enum Counters {}

impl Kind for Counters {
    const NAME: &'static str = "bench.counter";
    const TAG: u16 = 60_000;
    type Key = u64;
    type Commands = (Add,);
    type Queries = (Look,);
}

/// The smallest entity that keeps something.
#[data]
#[derive(Default)]
pub(super) struct Counter {
    sum: u64,
}

impl Entity for Counter {
    type Kind = Counters;
    type Tables = ();
}

/// Adds `n`.
#[data]
pub(super) struct Add {
    pub(super) n: u64,
}

impl Command for Add {
    type Kind = Counters;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = Never;
}

impl Handle<Add> for Counter {
    fn handle(&mut self, add: Add, _: &mut Context<'_, Self>) -> Result<u64, Never> {
        self.sum += add.n;
        Ok(self.sum)
    }
}

/// Asks for the sum.
#[data]
pub(super) struct Look {}

impl Query for Look {
    type Kind = Counters;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = Never;
}

impl entity::Answer<Look> for Counter {
    fn answer(&self, _: Look, _: &Context<'_, Self>) -> Result<u64, Never> {
        Ok(self.sum)
    }
}
