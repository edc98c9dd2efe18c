//! The port to the time of day.

use entity::Time;

/// The clock of a node. It may be wrong, stand still or jump: what must rise is made to.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Time;
}
