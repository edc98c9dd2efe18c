//! What clients follow: a stream under a name, and how its items are shown.
//!
//! Services declare channels in their folder; the edge serves them and does what has to be done to show an
//! item as an operation does: see [`crate::operation`].

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::value::{RawValue, to_raw_value};

use crate::kind::{Form, Kind, Stream};
use crate::operation::{Operating, Stop};
use crate::registry::folder_name;
use crate::{Address, Caller, Data, Key};

/// A stream that clients follow.
pub trait Channel: 'static {
    /// What clients call it: small letters. `NAME:KEY` is the channel of one entity.
    const NAME: &'static str;
    /// What the key is, for its description: one word, such as `user`.
    const KEY: &'static str;
    /// What it tells, for its description: a sentence or two.
    const ABOUT: &'static str;
    /// Who may follow it.
    const AUDIENCE: Audience;
    /// Whose stream it is.
    type Kind: Kind<Key: JsonSchema>;
    /// Which of the streams.
    type Stream: Stream;
    /// What clients get for an item.
    type Shown: Form;

    /// Shows items, each in its place: clients get as many as there are.
    ///
    /// # Errors
    ///
    /// [`Stop::Suspended`] until everything is known. It refuses nothing: what is no longer there is
    /// shown as that.
    fn show(
        items: &[<Self::Stream as Stream>::Item],
        cx: &mut Operating<'_>,
    ) -> Result<Vec<Self::Shown>, Stop>;
}

/// Who may follow a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audience {
    /// The account that has the same key, and operators.
    Owner,
    /// Whoever has an account, and operators.
    Accounts,
}

/// Most items that are shown at once.
pub const SHOWN_MAX: usize = 100;

type Show =
    dyn Fn(&[Encoded<'_>], &mut Operating<'_>) -> Result<Vec<Box<RawValue>>, Stop> + Send + Sync;

/// An encoded item.
pub type Encoded<'a> = &'a [u8];

/// A channel as the edge sees it.
pub struct ChannelType {
    /// What clients call it.
    pub name: &'static str,
    /// The service that it belongs to: the folder that it is declared in.
    pub service: &'static str,
    /// What the key in its name is.
    pub key: &'static str,
    /// What it tells.
    pub about: &'static str,
    /// Who may follow it.
    pub audience: Audience,
    /// Which stream of its entity.
    pub stream: u8,
    /// Most items of its past.
    pub items_max: u64,
    /// Schema of the key in its name.
    pub keyed: fn(&mut SchemaGenerator) -> Schema,
    /// Schema of what clients get.
    pub shown: fn(&mut SchemaGenerator) -> Schema,
    find: fn(&str) -> Option<Address>,
    show: Box<Show>,
}

impl ChannelType {
    /// A channel as it is declared.
    pub fn of<C: Channel>() -> Self {
        Self {
            name: C::NAME,
            service: folder_name::<C>(),
            key: C::KEY,
            about: C::ABOUT,
            audience: C::AUDIENCE,
            stream: C::Stream::TAG,
            items_max: C::Stream::ITEMS_MAX,
            keyed: <<C::Kind as Kind>::Key as JsonSchema>::json_schema,
            shown: C::Shown::json_schema,
            find: find::<C::Kind>,
            show: Box::new(show::<C>),
        }
    }

    /// The entity whose stream somebody names by its key; none if there can be none.
    pub fn find(&self, key: &str) -> Option<Address> {
        (self.find)(key)
    }

    /// Whether somebody may follow the stream of an entity.
    pub fn admits(&self, caller: &Caller, entity: &Address) -> bool {
        match (self.audience, caller) {
            (_, Caller::Operator) | (Audience::Accounts, Caller::Account(_)) => true,
            (Audience::Owner, Caller::Account(account)) => {
                self.find(&account.to_string()).as_ref() == Some(entity)
            }
            (_, Caller::Anyone | Caller::Entity(_) | Caller::Itself) => false,
        }
    }

    /// Shows items as JSON, at most [`SHOWN_MAX`]. What cannot be read is shown as `null`.
    ///
    /// # Errors
    ///
    /// As [`Channel::show`].
    pub fn show(
        &self,
        items: &[Encoded<'_>],
        cx: &mut Operating<'_>,
    ) -> Result<Vec<Box<RawValue>>, Stop> {
        (self.show)(items, cx)
    }
}

impl fmt::Debug for ChannelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.name, self.audience)
    }
}

fn find<K: Kind>(text: &str) -> Option<Address> {
    let key: K::Key = text.parse().ok()?;
    Some(Address { kind: K::TAG, key: key.to_bytes() })
}

fn show<C: Channel>(
    items: &[Encoded<'_>],
    cx: &mut Operating<'_>,
) -> Result<Vec<Box<RawValue>>, Stop> {
    let read: Vec<_> =
        items.iter().map(|it| <C::Stream as Stream>::Item::decode(it).ok()).collect();
    let sound: Vec<_> = read.iter().flatten().cloned().collect();
    let mut shown = C::show(&sound, cx)?.into_iter();
    let shown = read.iter().map(|it| it.as_ref().and_then(|_| shown.next()));
    let json = |it: Option<C::Shown>| to_raw_value(&it).expect("it is plain data");
    Ok(shown.map(json).collect())
}
