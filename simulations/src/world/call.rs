//! A request of a client, and what it learns.

use std::fmt;

use bytes::Bytes;
use entity::{Address, Caller, Command, Data, Key, Kind, Query, Release};

/// A request of a client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// To whom.
    pub to: Address,
    /// Who asks.
    pub caller: Caller,
    /// Tag of the command or query.
    pub tag: u16,
    /// The command or query, encoded.
    pub body: Bytes,
    /// Whether it may change something.
    pub is_command: bool,
}

/// What a client learns of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Done {
    /// The entity replied.
    Reply(Bytes),
    /// The entity refused: nothing has changed.
    Refusal(Bytes),
    /// Nobody knows whether it had an effect, has, or will have.
    Unknown,
}

impl Call {
    /// A command.
    pub fn command<C: Command>(to: &<C::Kind as Kind>::Key, command: &C) -> Self {
        Self::new::<C::Kind>(to, C::TAG, command, true)
    }

    /// A query.
    pub fn query<Q: Query>(of: &<Q::Kind as Kind>::Key, query: &Q) -> Self {
        Self::new::<Q::Kind>(of, Q::TAG, query, false)
    }

    fn new<K: Kind>(key: &K::Key, tag: u16, body: &impl Data, is_command: bool) -> Self {
        let mut bytes = Vec::new();
        body.encode(Release::NEWEST, &mut bytes);
        let to = Address { kind: K::TAG, key: key.to_bytes() };
        Self { to, caller: Caller::Operator, tag, body: bytes.into(), is_command }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.is_command { "command" } else { "query" };
        write!(f, "{verb} {} {:02x?}", self.tag, &self.body[..])
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(bytes) => write!(f, "replied {:02x?}", &bytes[..]),
            Self::Refusal(bytes) => write!(f, "refused {:02x?}", &bytes[..]),
            Self::Unknown => write!(f, "unknown"),
        }
    }
}

impl Done {
    /// The reply to a command with its type.
    ///
    /// # Panics
    ///
    /// When the bytes are no such reply.
    pub fn reply<R: Data>(&self) -> Option<R> {
        match self {
            Self::Reply(bytes) => Some(R::decode(bytes).expect("encoded by the entity")),
            Self::Refusal(_) | Self::Unknown => None,
        }
    }
}
