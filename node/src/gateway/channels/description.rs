//! The channels, described for clients: the extension `x-channels` of the description of all routes.

use entity::ChannelType;
use entity::channel::Audience;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::gateway::console::{self, ClusterStatus};
use crate::gateway::knobs::RECOVERED_MAX;
use crate::gateway::socket;

/// Describes the channels of services and that of the gateway itself. What their schemas refer to is left
/// with `generator`.
pub(crate) fn described(channels: &[ChannelType], generator: &mut SchemaGenerator) -> Value {
    let one = |it: &ChannelType| (it.name.to_owned(), channel(it, generator));
    let mut described: Map<String, Value> = channels.iter().map(one).collect();
    let (name, _) = console::CHANNEL.split_once(':').expect("it is named as others are");
    described.insert(name.to_owned(), status(generator));
    json!({
        "path": socket::PATH,
        "protocol": "Centrifugo's client protocol, version 2, JSON, over a WebSocket",
        "channels": described,
    })
}

fn channel(it: &ChannelType, generator: &mut SchemaGenerator) -> Value {
    json!({
        "name": format!("{}:{{{}}}", it.name, it.key),
        "description": it.about,
        "tags": [it.service],
        "key": (it.keyed)(generator),
        "audience": audience(it.audience),
        "security": [{ "account": [] }, { "operator": [] }],
        "publication": (it.shown)(generator),
        "history_items_max": it.items_max,
        "recovered_items_max": it.items_max.min(RECOVERED_MAX as u64),
    })
}

/// The one channel that has no stream behind it, and no past.
fn status(generator: &mut SchemaGenerator) -> Value {
    json!({
        "name": console::CHANNEL,
        "description": "How the whole cluster is doing, every second.",
        "tags": ["operator"],
        "audience": "Operators.",
        "security": [{ "operator": [] }],
        "publication": ClusterStatus::json_schema(generator),
        "history_items_max": 0,
        "recovered_items_max": 0,
    })
}

/// Who may follow a channel, for people.
fn audience(audience: Audience) -> &'static str {
    match audience {
        Audience::Owner => "The account whose id is the key, and operators.",
        Audience::Accounts => "Every account, and operators.",
    }
}
