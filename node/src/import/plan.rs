//! What is to be done, in phases whose items are numbered from 0.

use serde::{Deserialize, Serialize};

use super::draw::author;
use super::graph::Graph;

/// One part of an import. Each needs the one before.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// One account per person.
    Accounts,
    /// Every follow.
    Follows,
    /// Every post, by the author that was drawn for it.
    Posts,
}

impl Phase {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Follows => "follows",
            Self::Posts => "posts",
        }
    }
}

/// Everything that is to be there in the end.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) graph: Graph,
    pub(crate) posts: Vec<String>,
    /// Chooses the authors.
    pub(crate) seed: u64,
}

impl Plan {
    /// The phases in their order.
    pub(crate) const PHASES: [Phase; 3] = [Phase::Accounts, Phase::Follows, Phase::Posts];

    /// How many items a phase has.
    pub(crate) fn count(&self, phase: Phase) -> usize {
        match phase {
            Phase::Accounts => self.graph.people.len(),
            Phase::Follows => self.graph.follows.len(),
            Phase::Posts => self.posts.len(),
        }
    }

    /// Whose item this is, by index: who is registered, follows, or writes.
    pub(crate) fn person(&self, phase: Phase, item: usize) -> usize {
        match phase {
            Phase::Accounts => item,
            Phase::Follows => self.graph.follows[item].0,
            Phase::Posts => author(self.seed, item as u64, self.graph.people.len()),
        }
    }

    /// Names the request of an item: the same in every run, so that a repeat has no second effect.
    pub(crate) fn key(&self, phase: Phase, item: usize) -> String {
        format!("import-{}-{}-{item}", self.seed, phase.name())
    }
}
