//! The fields of a route, as its schema has them.

use std::collections::{BTreeMap, BTreeSet};

use entity::Route;
use schemars::SchemaGenerator;
use serde_json::{Map, Value};

/// The fields of a route.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    /// The schema of each field by name.
    pub(crate) properties: BTreeMap<String, Value>,
    /// Names of the fields that have to be there.
    pub(crate) required: BTreeSet<String>,
}

/// How the text of a parameter becomes JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// As a number.
    Integer,
    /// As `true` or `false`.
    Boolean,
    /// As it is.
    Text,
}

impl Fields {
    /// Reads the schema of a route, and its description. What it refers to is left with `generator`.
    pub(crate) fn of(route: &Route, generator: &mut SchemaGenerator) -> (Self, String) {
        let mut schema = (route.fields)(generator);
        let schema = schema.ensure_object();
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let properties = schema.get("properties").and_then(Value::as_object);
        let properties = properties.map(|it| it.clone().into_iter().collect());
        let required = schema.get("required").and_then(Value::as_array);
        let required = required.into_iter().flatten().filter_map(Value::as_str);
        let fields = Self {
            properties: properties.unwrap_or_default(),
            required: required.map(ToOwned::to_owned).collect(),
        };
        (fields, description.to_owned())
    }
}

/// Which shape `schema` asks for; `definitions` holds what it may refer to.
pub(crate) fn shape(schema: &Value, definitions: &Map<String, Value>) -> Shape {
    let shape_of = |it: &Value| shape(it, definitions);
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let name = name.rsplit('/').next().unwrap_or(name);
        return definitions.get(name).map_or(Shape::Text, shape_of);
    }
    // `Option` adds null to the types, or a branch for it.
    let branches = ["allOf", "anyOf", "oneOf"].iter().filter_map(|it| schema.get(it)?.as_array());
    if let Some(found) = branches.flatten().map(shape_of).find(|it| *it != Shape::Text) {
        return found;
    }
    let is = |name: &str| match schema.get("type") {
        Some(Value::String(it)) => it == name,
        Some(Value::Array(types)) => types.iter().any(|it| it == name),
        _ => false,
    };
    match (is("integer"), is("boolean")) {
        (true, _) => Shape::Integer,
        (false, true) => Shape::Boolean,
        (false, false) => Shape::Text,
    }
}

impl Shape {
    /// What `text` is in this shape; what does not fit is told in words.
    pub(crate) fn value(self, text: &str) -> Result<Value, &'static str> {
        match self {
            Self::Text => Ok(Value::String(text.to_owned())),
            Self::Boolean => match text {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err("true or false"),
            },
            Self::Integer => integer(text).ok_or("a whole number"),
        }
    }
}

/// A number that is written as everybody writes it: neither `+1` nor `01`.
fn integer(text: &str) -> Option<Value> {
    let positive = text.parse::<u64>().ok().filter(|it| it.to_string() == text).map(Value::from);
    let any = || text.parse::<i64>().ok().filter(|it| it.to_string() == text).map(Value::from);
    positive.or_else(any)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_have_shapes() {
        let definitions = json!({ "Offset": { "type": "integer" }, "Id": { "type": "string" } });
        let definitions = definitions.as_object().expect("an object");
        let cases = [
            (json!({ "type": "integer", "minimum": 0 }), Shape::Integer),
            (json!({ "type": ["integer", "null"] }), Shape::Integer),
            (json!({ "type": "boolean" }), Shape::Boolean),
            (json!({ "type": "string" }), Shape::Text),
            (json!({ "$ref": "#/$defs/Offset" }), Shape::Integer),
            (json!({ "$ref": "#/$defs/Id" }), Shape::Text),
            (json!({ "$ref": "#/$defs/Gone" }), Shape::Text),
            (
                json!({ "anyOf": [{ "$ref": "#/$defs/Offset" }, { "type": "null" }] }),
                Shape::Integer,
            ),
            (json!(true), Shape::Text),
        ];
        for (schema, expected) in cases {
            assert_eq!(shape(&schema, definitions), expected, "{schema}");
        }
    }

    #[test]
    fn texts_become_values() {
        let cases = [
            (Shape::Integer, "0", Some(json!(0))),
            (Shape::Integer, "-7", Some(json!(-7))),
            (Shape::Integer, "18446744073709551615", Some(json!(u64::MAX))),
            (Shape::Integer, "18446744073709551616", None),
            (Shape::Integer, "+1", None),
            (Shape::Integer, "01", None),
            (Shape::Integer, "-0", None),
            (Shape::Integer, "1.0", None),
            (Shape::Integer, "1e3", None),
            (Shape::Integer, "", None),
            (Shape::Boolean, "true", Some(json!(true))),
            (Shape::Boolean, "True", None),
            (Shape::Text, "1", Some(json!("1"))),
        ];
        for (shape, text, expected) in cases {
            assert_eq!(shape.value(text).ok(), expected, "{shape:?} {text}");
        }
    }
}
