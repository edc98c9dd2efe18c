//! What a thing does when it is asked one thing after the other.

use std::fmt::Debug;

/// What a thing does when it is asked one thing after the other.
pub trait Specification {
    /// What it remembers.
    type State: Clone + Debug + Ord;
    /// What it can be asked.
    type Operation: Clone + Debug;
    /// What it replies.
    type Reply: Clone + Debug + Eq;

    /// Whether an operation changes nothing, whatever the state.
    fn is_read(operation: &Self::Operation) -> bool;

    /// Does an operation, and yields its reply. None: it is refused, whatever was done to `state`.
    fn apply(state: &mut Self::State, operation: &Self::Operation) -> Option<Self::Reply>;
}
