//! Who asks, and whom.

use crate::{Id, data};

/// Names an entity without its types.
#[data]
#[derive(Ord, PartialOrd)]
pub struct Address {
    /// [`crate::Kind::TAG`].
    pub kind: u16,
    /// The encoded key, at most [`crate::limits::ENTITY_KEY_BYTES_MAX`] bytes.
    pub key: Vec<u8>,
}

/// Who asks. One function decides it at the edge; inside it is only passed on.
#[data]
#[derive(Ord, PartialOrd)]
pub enum Caller {
    /// Someone who has shown no token.
    Anyone,
    /// The account that a valid token names.
    Account(Id),
    /// A person with the operator's token.
    Operator,
    /// Another entity, by a message.
    Entity(Address),
    /// The entity itself, by a wake-up.
    Itself,
}
