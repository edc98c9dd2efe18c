//! An item as clients get it.

use entity::Offset;
use serde_json::{Value, json};

/// An item as clients get it.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    /// Its position.
    pub(crate) offset: Offset,
    /// What it shows.
    pub(crate) data: Value,
}

impl Publication {
    /// As a part of a reply.
    pub(crate) fn json(&self) -> Value {
        json!({ "offset": self.offset.0, "data": self.data })
    }

    /// As a line of its own.
    pub(super) fn line(&self, channel: &str) -> String {
        json!({ "push": { "channel": channel, "pub": self.json() } }).to_string()
    }
}

/// A state as a line of its own: it has no position.
pub(super) fn state(channel: &str, data: &Value) -> String {
    json!({ "push": { "channel": channel, "pub": { "data": data } } }).to_string()
}
