//! One route, ready to serve: what its schema says of its fields, and how HTTP becomes its input.

use std::collections::BTreeMap;

use entity::route::Input;
use entity::{Problem, Route};
use schemars::SchemaGenerator;
use serde_json::{Map, Value};

use super::fields::{Fields, Shape, shape};
use super::json;
use super::problem::{BODY_UNEXPECTED, INVALID_INPUT, NOT_FOUND, UNKNOWN_FIELD};
use super::query;

/// A route, ready to serve.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) route: Route,
    /// The fields of the route, those among them that are parts of the path included.
    pub(crate) fields: Fields,
    /// What the schema says of the whole input, in a sentence or more.
    pub(crate) description: String,
    /// The schema of the reply; none when there is nothing to reply.
    pub(crate) reply: Option<Value>,
    shapes: BTreeMap<String, Shape>,
}

impl Endpoint {
    /// Reads the schemas of a route. What they refer to is left with `generator`.
    pub(crate) fn new(route: Route, generator: &mut SchemaGenerator) -> Self {
        let (fields, description) = Fields::of(&route, generator);
        let reply = (route.reply)(generator).to_value();
        let reply = Some(reply).filter(|it| it.get("type").is_none_or(|it| it != "null"));
        let definitions = generator.definitions();
        let shapes = fields.properties.iter();
        let shapes = shapes.map(|(name, it)| (name.clone(), shape(it, definitions))).collect();
        Self { route, fields, description, reply, shapes }
    }

    /// Whether a field is a part of the path.
    pub(crate) fn is_part(&self, name: &str) -> bool {
        self.route.parts().any(|it| it == name)
    }

    /// Whether the request may come without a body or without a query string.
    pub(crate) fn may_be_empty(&self) -> bool {
        self.fields.required.iter().all(|it| self.is_part(it))
    }

    /// Makes the input of what a request says.
    pub(crate) fn input(
        &self,
        parts: impl Iterator<Item = (String, String)>,
        query: &str,
        body: &[u8],
    ) -> Result<Input, Problem> {
        let parameters = query::parameters(query)?;
        if self.route.method.has_body() {
            if let Some(name) = parameters.keys().next() {
                return Err(self.unknown(name, "query string"));
            }
            return self.checked(parts, self.body_fields(body)?);
        }
        if !body.is_empty() {
            let detail = format!("Send {} without a body.", self.route.method.name());
            return Err(BODY_UNEXPECTED.because(detail));
        }
        let mut fields = Map::new();
        for (name, text) in parameters {
            let wrong = |expected| {
                INVALID_INPUT.because(format!("The parameter {name:?} has to be {expected}."))
            };
            let value = self.shape(&name).value(&text).map_err(wrong)?;
            fields.insert(name, value);
        }
        self.checked(parts, fields)
    }

    /// Makes the input of all fields, parts of the path among them.
    pub(crate) fn input_of(&self, mut fields: Map<String, Value>) -> Result<Input, Problem> {
        let text = |it: Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        let part = |name: &str| Some((name.to_owned(), text(fields.remove(name)?)));
        let parts: Vec<_> = self.route.parts().filter_map(part).collect();
        if parts.len() < self.route.parts().count() {
            let names = self.route.parts().collect::<Vec<_>>().join(", ");
            return Err(INVALID_INPUT.because(format!("These fields have to be there: {names}.")));
        }
        self.checked(parts.into_iter(), fields)
    }

    fn body_fields(&self, body: &[u8]) -> Result<Map<String, Value>, Problem> {
        if body.is_empty() && self.may_be_empty() {
            return Ok(Map::new());
        }
        json::object(body)
    }

    fn checked(
        &self,
        parts: impl Iterator<Item = (String, String)>,
        fields: Map<String, Value>,
    ) -> Result<Input, Problem> {
        let is_known = |name: &str| self.shapes.contains_key(name) && !self.is_part(name);
        if let Some(name) = fields.keys().find(|it| !is_known(it)) {
            return Err(self.unknown(name, self.place()));
        }
        let mut input = Input { path: BTreeMap::new(), fields };
        for (name, text) in parts {
            match self.shape(&name) {
                Shape::Text => {
                    input.path.insert(name, text);
                }
                shape @ (Shape::Integer | Shape::Boolean) => {
                    let nothing = |_| NOT_FOUND.because(format!("There is no {name} {text:?}."));
                    let value = shape.value(&text).map_err(nothing)?;
                    input.fields.insert(name, value);
                }
            }
        }
        Ok(input)
    }

    fn shape(&self, name: &str) -> Shape {
        self.shapes.get(name).copied().unwrap_or(Shape::Text)
    }

    /// Where the fields of this route are.
    fn place(&self) -> &'static str {
        if self.route.method.has_body() { "body" } else { "query string" }
    }

    fn unknown(&self, name: &str, found_in: &str) -> Problem {
        let known = self.shapes.keys().map(String::as_str).filter(|it| !self.is_part(it));
        let known: Vec<&str> = known.collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let place = self.place();
        UNKNOWN_FIELD.because(format!(
            "{name:?} in the {found_in} is no field of this route. Fields of the {place}: {known}."
        ))
    }
}

#[cfg(test)]
mod tests {
    use entity::Caller;
    use entity::operation::{Operating, Stop};

    use super::*;

    fn endpoints() -> Vec<Endpoint> {
        let mut generator = SchemaGenerator::default();
        let routes = actors::routes().into_iter().chain(cluster::operator::routes());
        routes.map(|it| Endpoint::new(it, &mut generator)).collect()
    }

    /// The first byte chooses the route; the rest is its body, or its query string behind parts of the
    /// path, each behind a zero.
    #[test]
    fn whatever_comes_in_a_request_suits_its_route_or_is_refused() {
        let endpoints = endpoints();
        let id = entity::Id(1).to_string();
        let bodies = [
            r#"{"handle":"ann","password":"long enough"}"#.to_owned(),
            r#"{"body":"hello"}"#.to_owned(),
            format!("{id}\0limit=20&before={id}"),
            format!("{id}\0{id}"),
        ];
        let seeds = (0_u8..)
            .zip(&endpoints)
            .flat_map(|(route, _)| bodies.iter().map(move |it| [&[route], it.as_bytes()].concat()));
        fuzz::target("route").seeds(seeds).run(|bytes| {
            let Some((route, rest)) = bytes.split_first() else { return };
            let endpoint = &endpoints[usize::from(*route) % endpoints.len()];
            let mut pieces = rest.split(|it| *it == 0);
            let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
            let parts = endpoint.route.parts();
            let parts: Vec<_> = parts
                .map(|name| (name.to_owned(), text(pieces.next().unwrap_or_default())))
                .collect();
            let last = pieces.next().unwrap_or_default();
            let (query, body) = if endpoint.route.method.has_body() {
                (String::new(), last)
            } else {
                (text(last), &[][..])
            };
            let Ok(input) = endpoint.input(parts.into_iter(), &query, body) else { return };
            let caller = Caller::Account(entity::Id(1));
            let mut cx = Operating::new(&caller, &[]);
            match endpoint.route.run(input, &mut cx) {
                Ok(_) => {}
                Err(Stop::Suspended) => assert!(cx.into_step().is_some()),
                Err(Stop::Refused(problem)) => {
                    assert!((400..500).contains(&problem.class.status), "{problem:?}");
                }
            }
        });
    }
}
