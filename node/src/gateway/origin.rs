//! Where a request under an `Idempotency-Key` began.
//!
//! Commands of one request may reach several shards, and each shard knows only the keys that reached
//! it. So a request begins with a command to the one entity that its key names, whatever else the
//! request does: its shard refuses another request under the same key, and gives a repeat the id
//! that the first attempt got, with the time of the first attempt in it. Only reply and fingerprint
//! are kept, as for every command; the entity itself has no state.

use entity::digest::sha256;
use entity::registry::Registry;
use entity::{Command, Context, Data, Entity, Handle, Id, Key, Kind, Never, Release, data};

/// The family of origins, one per scope and key.
#[derive(Debug)]
pub enum Origins {}

impl Kind for Origins {
    const NAME: &'static str = "gateway.origin";
    const TAG: u16 = 60_000;
    type Key = u128;
    type Commands = (Begin,);
    type Queries = ();
}

/// Asks for the id of the request that begins.
#[data]
pub struct Begin {}

impl Command for Begin {
    type Kind = Origins;
    const TAG: u16 = 1;
    type Reply = Id;
    type Error = Never;
}

/// Where a request began: nothing but a place that gives out an id.
#[data]
#[derive(Default)]
pub struct Origin {}

impl Entity for Origin {
    type Kind = Origins;
    type Tables = ();
}

impl Handle<Begin> for Origin {
    fn handle(&mut self, _: Begin, cx: &mut Context<'_, Self>) -> Result<Id, Never> {
        Ok(cx.id())
    }
}

/// Adds what the gateway itself needs to a registry.
pub fn register(registry: &mut Registry) {
    registry.add::<Origin>();
}

/// The command that begins the request under `key` of `scope`.
pub(crate) fn begin(scope: Id, key: &str) -> entity::operation::Request {
    let named = [&scope.to_bytes()[..], key.as_bytes()].concat();
    let name: [u8; 16] = *sha256(&named).first_chunk().expect("a digest has 32 bytes");
    let to = entity::Address { kind: Origins::TAG, key: u128::from_be_bytes(name).to_bytes() };
    let mut body = Vec::new();
    Begin {}.encode(Release::NEWEST, &mut body);
    entity::operation::Request { to, tag: Begin::TAG, body }
}
