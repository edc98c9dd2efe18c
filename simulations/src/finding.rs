//! What was wrong, with what, and who noticed.

use std::collections::BTreeSet;
use std::fmt;

use entity::{Address, Key};

use crate::timeline::Operation;

/// Who looks whether something is wrong.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Oracle {
    /// Replicas apply the same entries, one after the other.
    Agreement,
    /// The laws of Raft.
    Raft,
    /// Fences, times and sequences of records rise.
    Order,
    /// No command takes effect twice, or after somebody was told that it had none.
    Once,
    /// Links between shards have no gaps and never go back; what is handled is later than what sent it.
    Links,
    /// Messages that are not handled become dead letters, and no others do.
    Letters,
    /// What a client is told is stored, and nothing is lost that nobody has hurt.
    Durability,
    /// What a client is told of its command agrees with what it was told before.
    Answers,
    /// Replicas that have applied the same have the same rows.
    Replicas,
    /// When nothing goes wrong any more, everything gets done.
    Settling,
    /// Nothing is left of a node that was switched off.
    Tasks,
    /// No node gives up that could go on.
    Survival,
    /// Readers get each item once and in order, and no answer that is too old.
    Readers,
    /// Devices get each item of a channel once and in order, or are told of a gap.
    Sockets,
    /// Whatever has a bound keeps within it.
    Bounds,
    /// The check of a workload.
    Workload(&'static str),
    /// The program does not panic.
    Panic,
    /// A seed ends.
    Patience,
}

/// Something that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Who noticed.
    pub oracle: Oracle,
    /// What it is.
    pub wrong: Wrong,
}

/// What is wrong, and under which keys, as far as that is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrong {
    what: String,
    keys: BTreeSet<Vec<u8>>,
}

/// Says under which key it is that something is wrong.
pub trait Under<T> {
    /// Under this one, too.
    ///
    /// # Errors
    ///
    /// What is wrong.
    fn under(self, key: &impl Key) -> Result<T, Wrong>;
}

impl Oracle {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Raft => "raft",
            Self::Order => "order",
            Self::Once => "once",
            Self::Links => "links",
            Self::Letters => "letters",
            Self::Durability => "durability",
            Self::Answers => "answers",
            Self::Replicas => "replicas",
            Self::Settling => "settling",
            Self::Tasks => "tasks",
            Self::Survival => "survival",
            Self::Readers => "readers",
            Self::Sockets => "sockets",
            Self::Bounds => "bounds",
            Self::Workload(name) => name,
            Self::Panic => "panic",
            Self::Patience => "patience",
        }
    }

    /// The workload whose check it is, if it is one.
    pub fn workload(self) -> Option<&'static str> {
        if let Self::Workload(name) = self { Some(name) } else { None }
    }

    /// That something is wrong.
    pub fn finds(self, wrong: impl Into<Wrong>) -> Finding {
        Finding { oracle: self, wrong: wrong.into() }
    }

    /// Finds something unless a condition holds.
    ///
    /// # Errors
    ///
    /// What it finds.
    pub fn checks(self, holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Finding> {
        if holds { Ok(()) } else { Err(self.finds(otherwise())) }
    }
}

impl Finding {
    /// Whether an operation has to do with it, as far as is known: it is of the workload whose check found
    /// it, and was for an entity of a key that is wrong.
    pub fn concerns(&self, operation: &Operation) -> bool {
        let keys = &self.wrong.keys;
        self.oracle.workload().is_none_or(|name| name == operation.workload)
            && (keys.is_empty() || keys.contains(&operation.entity.key))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.oracle.name(), self.wrong.what)
    }
}

impl Wrong {
    /// Wrong with an entity.
    pub fn with(entity: &Address, what: impl Into<String>) -> Self {
        Self { what: what.into(), keys: BTreeSet::from([entity.key.clone()]) }
    }

    /// The same, of some part.
    #[must_use]
    pub fn of(self, part: &str) -> Self {
        Self { what: format!("{part}: {}", self.what), ..self }
    }
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self { what, keys: BTreeSet::new() }
    }
}

impl From<&str> for Wrong {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}

impl<T, E: Into<Wrong>> Under<T> for Result<T, E> {
    fn under(self, key: &impl Key) -> Result<T, Wrong> {
        self.map_err(|wrong| {
            let mut wrong = wrong.into();
            wrong.keys.insert(key.to_bytes());
            wrong
        })
    }
}
