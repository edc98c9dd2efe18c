//! What a workload is, and its clients.

use std::collections::BTreeMap;

use crate::chance::Chance;
use crate::finding::Wrong;
use crate::scenario::Scenario;
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// Load with a check.
pub trait Workload {
    /// How many clients it has. Each makes one call after the other.
    fn clients(&self) -> usize;

    /// Calls made at once before anything goes wrong, none of which may fail.
    fn ground(&mut self, _chance: &mut Chance) -> Vec<Call> {
        Vec::new()
    }

    /// What a client does next; `None` when it has done enough.
    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call>;

    /// A client learns what became of its call.
    ///
    /// # Errors
    ///
    /// What is wrong with that.
    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String>;

    /// Looks at what is there when everything has settled.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong>;
}

/// A workload and what drives it.
pub struct Crew {
    /// Its name.
    pub name: &'static str,
    /// How many clients it has.
    pub clients: usize,
    /// What it does.
    pub workload: Box<dyn Workload>,
    /// Its random numbers.
    pub chance: Chance,
    /// How many operations are left.
    left: u64,
}

impl Crew {
    /// A workload under a name.
    pub fn new(name: &'static str, seed: u64, workload: Box<dyn Workload>) -> Self {
        let chance = Chance::of(seed, name);
        Self { name, clients: workload.clients(), workload, chance, left: u64::MAX }
    }

    /// Fewer clients, and fewer operations while things go wrong.
    #[must_use]
    pub fn limited(mut self, scenario: &Scenario) -> Self {
        self.clients = self.clients.min(scenario.clients.unwrap_or(usize::MAX)).max(1);
        self.left = scenario.operations.unwrap_or(u64::MAX);
        self
    }

    /// The calls to be made before anything goes wrong.
    pub fn ground(&mut self) -> Vec<Call> {
        self.workload.ground(&mut self.chance)
    }

    /// What a client does next.
    pub fn next(&mut self, client: usize) -> Option<Call> {
        self.left = self.left.checked_sub(1)?;
        self.workload.next(client, &mut self.chance)
    }
}

/// What each client is doing.
#[derive(Debug)]
pub struct Hands<T> {
    doing: BTreeMap<usize, T>,
}

impl<T> Default for Hands<T> {
    fn default() -> Self {
        Self { doing: BTreeMap::new() }
    }
}

impl<T> Hands<T> {
    /// A client begins something.
    pub fn begin(&mut self, client: usize, what: T) {
        self.doing.insert(client, what);
    }

    /// A client has learned what became of it.
    ///
    /// # Panics
    ///
    /// When it was doing nothing.
    pub fn end(&mut self, client: usize) -> T {
        self.doing.remove(&client).expect("a client learns of what it did")
    }

    /// What nobody has learned of.
    pub fn unfinished(&self) -> impl Iterator<Item = &T> {
        self.doing.values()
    }
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It was done.
    Done,
    /// It was refused, and changed nothing.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Fate {
    /// What a client learned.
    pub fn of(done: &Done) -> Self {
        match done {
            Done::Reply(_) => Self::Done,
            Done::Refusal(_) => Self::Refused,
            Done::Unknown => Self::Unknown,
        }
    }

    /// Whether an operation may have had its effect this often.
    pub fn allows(self, count: u64) -> bool {
        match self {
            Self::Done => count == 1,
            Self::Refused => count == 0,
            Self::Unknown => count <= 1,
        }
    }
}

/// Says what is wrong unless something holds.
///
/// # Errors
///
/// What is wrong.
pub fn holds(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(otherwise()) }
}
