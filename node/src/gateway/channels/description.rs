//! The channels, described for clients: the extension `x-channels` of the description of all routes.

use entity::ChannelType;
use entity::channel::Audience;
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::hub::RECOVERED_MAX;
use crate::gateway::socket;

/// Describes channels. What their schemas refer to is left with `generator`.
pub(crate) fn described(channels: &[ChannelType], generator: &mut SchemaGenerator) -> Value {
    let one = |it: &ChannelType| (it.name.to_owned(), channel(it, generator));
    let channels: Map<String, Value> = channels.iter().map(one).collect();
    json!({
        "path": socket::PATH,
        "protocol": "Centrifugo's client protocol, version 2, JSON, over a WebSocket",
        "channels": channels,
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
        "recovered_items_max": it.items_max.min(RECOVERED_MAX),
    })
}

/// Who may follow a channel, for people.
fn audience(audience: Audience) -> &'static str {
    match audience {
        Audience::Owner => "The account whose id is the key, and operators.",
        Audience::Accounts => "Every account, and operators.",
    }
}
