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
    /// Whoever comes back to a channel gets what came since its node sent something, not since it left.
    RecoverySkipped,
    /// Whoever comes back to a channel gets what it has missed, and some of it again.
    RecoveryDoubled,
}

impl Mutant {
    /// Every mutant.
    pub const ALL: [Self; 8] = [
        Self::FenceUnchecked,
        Self::RepliesForgotten,
        Self::GapAccepted,
        Self::RefusalEarly,
        Self::BarrierSkipped,
        Self::ChangesMissed,
        Self::RecoverySkipped,
        Self::RecoveryDoubled,
    ];
}
