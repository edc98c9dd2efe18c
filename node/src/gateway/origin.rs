//! Where a request under an `Idempotency-Key` begins.
//!
//! Commands of one request may reach several shards, and each shard knows only the keys that reached
//! it. So the first command under a key always goes to the home of the key's scope, whose shard
//! refuses another request under the same key. Where the request's own first command goes elsewhere,
//! or it needs an id, an origin takes its place: its reply is an id, with the time of the first
//! attempt in it, and a repeat gets the same one. Only the reply is kept, as for every command; the
//! entity itself has no state.

use entity::operation::Request;
use entity::registry::Registry;
use entity::{
    Address, Command, Context, Data, Entity, Handle, Id, Key, Kind, Never, Release, data,
};

/// The family of origins, one per scope.
#[derive(Debug)]
pub enum Origins {}

impl Kind for Origins {
    const NAME: &'static str = "gateway.origin";
    const TAG: u16 = 60_000;
    type Key = Id;
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

/// The command that begins a request in `scope`.
pub(crate) fn begin(scope: Id) -> Request {
    let mut body = Vec::new();
    Begin {}.encode(Release::NEWEST, &mut body);
    Request { to: Address { kind: Origins::TAG, key: scope.to_bytes() }, tag: Begin::TAG, body }
}
