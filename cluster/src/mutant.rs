//! What is broken on purpose: whoever checks the program has to find each of it.

/// A promise that is not kept. Simulations set it, and nothing else does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mutant {
    /// Replicas take records of activations that are over.
    FenceUnchecked,
    /// Whoever takes a shard over does not know what its predecessor has replied.
    RepliesForgotten,
    /// An envelope is handled although one before it is missing.
    GapAccepted,
    /// A refusal is told before what it saw has committed.
    RefusalEarly,
    /// A question is answered with what is in memory, whether or not that has committed and the shard
    /// is still led here.
    BarrierSkipped,
    /// What a node has read of an entity is kept although the entity has changed.
    ChangesMissed,
}

impl Mutant {
    /// Every mutant.
    pub const ALL: [Self; 6] = [
        Self::FenceUnchecked,
        Self::RepliesForgotten,
        Self::GapAccepted,
        Self::RefusalEarly,
        Self::BarrierSkipped,
        Self::ChangesMissed,
    ];
}
