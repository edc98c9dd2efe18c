//! An item as clients get it.

use entity::Offset;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// An item as clients get it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Publication {
    /// Its position.
    pub(crate) offset: Offset,
    /// What it shows.
    pub(crate) data: Box<RawValue>,
}

/// A line of its own.
#[derive(Serialize)]
struct Line<'a> {
    push: Push<'a>,
}

#[derive(Serialize)]
struct Push<'a> {
    channel: &'a str,
    #[serde(rename = "pub")]
    publication: &'a Publication,
}

impl Publication {
    /// As a line of its own.
    pub(super) fn line(&self, channel: &str) -> String {
        let line = Line { push: Push { channel, publication: self } };
        serde_json::to_string(&line).expect("it is plain data")
    }
}

/// A state as a line of its own: it has no position.
pub(super) fn state(channel: &str, data: &Value) -> String {
    json!({ "push": { "channel": channel, "pub": { "data": data } } }).to_string()
}
