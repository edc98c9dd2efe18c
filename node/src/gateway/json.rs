//! JSON that is read strictly: bounded depth, no field twice, nothing behind the end.

use std::fmt;

use entity::Problem;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::problem::{JSON_TOO_DEEP, MALFORMED_JSON};

/// How deeply objects and arrays may be nested: far above what any field needs, far below what a
/// recursive reader survives.
pub(crate) const DEPTH_MAX: usize = 32;

/// Reads a body that has to be one JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    if depth(body) > DEPTH_MAX {
        let detail = format!("Objects and arrays may be nested {DEPTH_MAX} deep.");
        return Err(JSON_TOO_DEEP.because(detail));
    }
    let Strict(value) = serde_json::from_slice(body)
        .map_err(|error| MALFORMED_JSON.because(format!("The body is no JSON: {error}.")))?;
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(MALFORMED_JSON.because("The body has to be a JSON object."))
        }
    }
}

/// How deeply the brackets outside of strings are nested. The text need not be JSON.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// A value none of whose objects names a field twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format!("the field {name:?} stands twice")));
            }
            let Strict(value) = from.next_value()?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(body: &[u8]) -> Problem {
        object(body).expect_err("it is refused")
    }

    #[test]
    fn objects_are_read() {
        let body = r#" {"a": [1, -2, 1.5, null, true, "\"{[\u00e9"], "b": {"c": {}}} "#;
        let expected: Value = serde_json::from_str(body).expect("it is JSON");
        assert_eq!(object(body.as_bytes()).map(Value::Object), Ok(expected));
    }

    #[test]
    fn everything_else_is_refused() {
        let cases: [&[u8]; 13] = [
            b"",
            b"{",
            b"[]",
            b"null",
            b"\"a\"",
            b"{} {}",
            b"{\"a\": 1,}",
            b"{'a': 1}",
            b"{\"a\": 1e999}",
            b"{\"a\": NaN}",
            b"{\"a\": \"\xff\"}",
            b"{\"a\": \"\\ud800\"}",
            b"\xef\xbb\xbf{}",
        ];
        for body in cases {
            assert_eq!(refused(body).class, MALFORMED_JSON, "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_field_stands_once() {
        for body in [&b"{\"a\": 1, \"a\": 1}"[..], b"{\"b\": [{\"a\": 1, \"\\u0061\": 2}]}"] {
            let problem = refused(body);
            assert_eq!(problem.class, MALFORMED_JSON);
            assert!(problem.detail.contains("\"a\" stands twice"), "{}", problem.detail);
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested =
            |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
        assert_eq!(refused(nested(DEPTH_MAX).as_bytes()).class, JSON_TOO_DEEP);
        assert_eq!(refused("[".repeat(100_000).as_bytes()).class, JSON_TOO_DEEP);
        let brackets_in_a_string = format!("{{\"a\": \"{}\\\"[\"}}", "[".repeat(100));
        assert!(object(brackets_in_a_string.as_bytes()).is_ok());
    }
}
